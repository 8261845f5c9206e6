import { SettingError } from '../config/original/setting-error.ts';
import { settingsOverlay } from '../config/original/settings.ts';
import type { OverlayEntry } from '../config/overlay.ts';
import { parseValue } from '../config/parse.ts';
import { parsePath } from '../config/path.ts';
import type { ParsedOptions } from './options.ts';

/** What the flags write into the document, and what is to be said about those that write nothing. */
export interface FlagResult {
  readonly overlay: readonly OverlayEntry[];
  /** To be logged once at start. */
  readonly notices: readonly string[];
}

/** The flags as an overlay on the file; without a file they make the document. Throws SettingError. */
export function flagOverlay({ values, repeated }: ParsedOptions, hasFile: boolean): FlagResult {
  if (!hasFile) required(values);
  const { overlay, notices } = settingsOverlay(values, !hasFile);
  return {
    overlay: [
      ...overlay,
      ...(hasFile ? [] : [ROUTING_LINE]),
      ...repeated.flatMap(({ name, value }) => (name === 'set' ? [assignment(value)] : [])),
    ],
    notices: notices.map(({ message }) => message),
  };
}

/** Who brings the original's arguments may bring scripts that look for its line, too. */
const ROUTING_LINE: OverlayEntry = {
  path: ['logging', 'routing'],
  value: true,
  origin: 'flag',
  flag: '--routing-logic without --config',
};

/** The file says these; without one the original insists on them. */
function required(values: ReadonlyMap<string, string>): void {
  for (const name of ['routing-logic', 'service-discovery']) {
    if (values.has(name)) continue;
    throw new SettingError(
      name,
      `--${name} is required without --config (with a file: vllm-router --config router.yaml)`,
    );
  }
}

/** `--set PATH=VALUE` */
function assignment(text: string): OverlayEntry {
  const equals = text.indexOf('=');
  const path = equals < 0 ? undefined : parsePath(text.slice(0, equals));
  if (!path) throw new SettingError('set', `argument --set: expected PATH=VALUE, got '${text}'`, 'usage');
  const value = parseValue(text.slice(equals + 1));
  if (value === undefined) {
    throw new SettingError('set', `argument --set: '${text.slice(equals + 1)}' is not valid YAML`, 'usage');
  }
  return { path, value, origin: 'flag', flag: `--set ${text.slice(0, equals)}` };
}
