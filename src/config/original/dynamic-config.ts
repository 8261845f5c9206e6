import type { DiagnosticCode } from '../codes.ts';
import { type Diagnostic, diagnose } from '../diagnostic.ts';
import { applyOverlay } from '../overlay.ts';
import { didYouMean } from '../suggest.ts';
import { child, emptyMap, type MapNode, type Origin, toPlain } from '../tree.ts';
import { LOG_LEVELS, ROUTING_LOGIC, SUPPORTED } from './names.ts';
import { SettingError } from './setting-error.ts';
import { settingsOverlay } from './settings.ts';
import { UNSUPPORTED } from './unsupported.ts';

const KNOWN = [...SUPPORTED, ...Object.keys(UNSUPPORTED)];
/** The original insists on them. */
const REQUIRED = ['service_discovery', 'routing_logic'];
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  'service-discovery': ['static', 'k8s', 'external-only'],
  'k8s-service-discovery-type': ['pod-ip', 'service-name', ''],
  'routing-logic': Object.keys(ROUTING_LOGIC),
  'log-level': Object.keys(LOG_LEVELS),
  'log-format': ['text', 'json'],
};

/** Whether a file is the original router's dynamic config: flat settings, none of our sections. */
export function isDynamicConfig(root: MapNode): boolean {
  return REQUIRED.some((key) => child(root, key)) && !child(root, 'discovery') && !child(root, 'routes');
}

/** What the original's `--dynamic-config-json` or `-yaml` says, as a document of ours; each value keeps its place. */
export function convertDynamicConfig(file: MapNode): { root: MapNode; diagnostics: Diagnostic[] } {
  const reader = new SettingReader(file);
  const root = emptyMap(file.origin);
  for (const key of REQUIRED) {
    if (!child(file, key)) reader.report('missing-key', file.origin, '', `key ${JSON.stringify(key)} is missing`);
  }
  if (reader.diagnostics.length > 0) return { root, diagnostics: reader.diagnostics };
  const origin = (setting: string): Origin => reader.origins.get(setting) ?? file.origin;
  try {
    const { overlay, notices } = settingsOverlay(reader.values, true, origin);
    for (const { setting, message } of notices) {
      reader.report('setting-without-effect', origin(setting), keyOf(setting), message.replace(/^--\S+ /, ''));
    }
    return { root, diagnostics: [...reader.diagnostics, ...applyOverlay(root, overlay)] };
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    const code = error.kind === 'refused' ? 'refused-setting' : 'bad-value';
    reader.report(code, origin(error.setting), keyOf(error.setting), error.message);
    return { root, diagnostics: reader.diagnostics };
  }
}

function keyOf(setting: string): string {
  return setting.replaceAll('-', '_');
}

/** The file's keys as settings: text by the names of flags. */
class SettingReader {
  readonly values = new Map<string, string>();
  readonly origins = new Map<string, Origin>();
  readonly diagnostics: Diagnostic[] = [];

  constructor(file: MapNode) {
    for (const [key, entry] of file.entries) {
      const setting = key.replaceAll('_', '-');
      if (!KNOWN.includes(setting)) {
        const hint = didYouMean(key, KNOWN.map(keyOf));
        this.diagnostics.push(diagnose('unknown-key', entry.key, [], `unknown key ${JSON.stringify(key)}`, { hint }));
      } else if (setting === 'static-models' && entry.value.kind === 'map') this.#models(entry.value);
      else if (setting === 'static-aliases' && entry.value.kind === 'map') this.#aliases(entry.value);
      else if (entry.value.kind === 'scalar') this.#scalar(setting, entry.value.value, entry.value.origin);
      else this.report('wrong-type', entry.value.origin, key, 'expected one value, lists separated by commas');
    }
  }

  report(code: DiagnosticCode, origin: Origin, key: string, message: string): void {
    this.diagnostics.push(diagnose(code, origin, key === '' ? [] : [key], message));
  }

  #set(setting: string, value: string, origin: Origin): void {
    this.values.set(setting, value);
    this.origins.set(setting, origin);
  }

  /** `null` and `false` are what the original writes for a flag that is not given. */
  #scalar(setting: string, value: string | number | boolean | null, origin: Origin): void {
    if (value === null || value === false) return;
    const text = String(value);
    const choices = CHOICES[setting];
    if (choices && !choices.includes(text)) {
      const message = `${JSON.stringify(text)} is not one of ${choices.filter((choice) => choice !== '').join(', ')}`;
      const details = { hint: didYouMean(text, choices) };
      this.diagnostics.push(diagnose('bad-value', origin, [keyOf(setting)], message, details));
    } else this.#set(setting, text, origin);
  }

  /** `{ model: { static_backends: [URL], static_model_type: chat } }`, the form of its YAML. */
  #models(models: MapNode): void {
    const [urls, names, types]: [string[], string[], string[]] = [[], [], []];
    for (const [name, { value }] of models.entries) {
      const backends = child(value, 'static_backends');
      if (backends?.kind !== 'list') {
        this.report('wrong-type', value.origin, 'static_models', `${name} needs static_backends, a list of URLs`);
        continue;
      }
      const type = child(value, 'static_model_type');
      for (const item of backends.items) {
        urls.push(String(toPlain(item)));
        names.push(name);
        if (type?.kind === 'scalar') types.push(String(type.value));
      }
    }
    this.#set('static-backends', urls.join(','), models.origin);
    this.#set('static-models', names.join(','), models.origin);
    if (types.length > 0) this.#set('static-model-types', types.join(','), models.origin);
  }

  #aliases(aliases: MapNode): void {
    const pairs = [...aliases.entries].map(([alias, { value }]) => `${alias}:${String(toPlain(value))}`);
    this.#set('static-aliases', pairs.join(','), aliases.origin);
  }
}
