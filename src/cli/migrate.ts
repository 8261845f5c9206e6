import { type Diagnostic, hasErrors } from '../config/diagnostic.ts';
import { formatDiagnostics } from '../config/format.ts';
import { loadConfig } from '../config/load.ts';
import { commentsOf } from '../config/original/comments.ts';
import { convertDynamicConfig, isDynamicConfig } from '../config/original/dynamic-config.ts';
import { SettingError } from '../config/original/setting-error.ts';
import { settingsOverlay } from '../config/original/settings.ts';
import { applyOverlay } from '../config/overlay.ts';
import { type ConfigFile, parseFile } from '../config/parse.ts';
import { formatPath } from '../config/path.ts';
import { formatOrigin, type PrintStyle, printYaml } from '../config/print-yaml.ts';
import { emptyMap, type MapNode, type Node, type Path } from '../config/tree.ts';
import { EXIT, type Invocation } from './argv.ts';
import { helmSettings, isHelmValues } from './helm-values.ts';
import { type Io, textStyle } from './io.ts';
import { readFiles } from './load.ts';

/** A document of ours made of something of the original's. */
interface Migrated {
  readonly tree: MapNode;
  /** What could not be taken over. */
  readonly notes: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

const NOTHING = 'usage: vllm-router migrate [FILE] [flags]\nvllm-router: error: neither a file nor flags are given\n';
const UNKNOWN =
  'neither a dynamic config of the original (service_discovery, routing_logic), nor Helm values (routerSpec, servingEngineSpec)';
const MANIFEST =
  'a Kubernetes manifest: give the arguments of its container as flags, or what stands under its data as a file';

/** `migrate [FILE] [flags]`: the original's flags, its dynamic config or its chart's values as a `router.yaml`. */
export async function runMigrate({ args, config, options, overlay, notices }: Invocation, io: Io): Promise<number> {
  const path = args[0] ?? config;
  if (path === undefined && !options.has('service-discovery')) {
    io.err(NOTHING);
    return EXIT.usage;
  }
  const files = await readFiles(path, io);
  // Nobody who has a file of the original's wants a first one.
  if ('code' in files) {
    const { hint: _, ...found } = files;
    return fail([found], [], io);
  }
  const [file] = files;
  let migrated: Migrated | undefined = { tree: emptyMap({ from: 'default' }), notes: [], diagnostics: [] };
  if (file) {
    const { root, diagnostics } = parseFile(file);
    if (!root || hasErrors(diagnostics)) return fail(diagnostics, files, io);
    if (root.kind === 'map' && ['discovery', 'routes', 'listeners'].some((key) => root.entries.has(key))) {
      io.err(`${file.name} is a file of version 1 already\n`);
      io.out(file.text);
      return EXIT.ok;
    }
    migrated = convert(root, io);
    if (!migrated) return EXIT.failed;
  }
  const diagnostics = [...migrated.diagnostics, ...applyOverlay(migrated.tree, overlay)];
  if (hasErrors(diagnostics)) return fail(diagnostics, files, io);
  return write({ ...migrated, notes: [...migrated.notes, ...notices] }, file, io);
}

function convert(root: Node, io: Io): Migrated | undefined {
  if (root.kind !== 'map' || !(isDynamicConfig(root) || isHelmValues(root))) {
    const manifest = root.kind === 'map' && ['apiVersion', 'kind'].every((key) => root.entries.has(key));
    io.err(`vllm-router migrate: this is ${manifest ? MANIFEST : UNKNOWN}\n`);
    return undefined;
  }
  if (isDynamicConfig(root)) {
    const { root: tree, diagnostics } = convertDynamicConfig(root);
    const notes = diagnostics
      .filter(({ severity }) => severity === 'warning')
      .map((one) => `${one.path}: ${one.message}`);
    return { tree, notes, diagnostics };
  }
  const { values, origins, notes } = helmSettings(root);
  const tree = emptyMap({ from: 'default' });
  try {
    const result = settingsOverlay(values, true, (setting) => origins.get(setting) ?? root.origin);
    const said = result.notices.map(({ message }) => message);
    return { tree, notes: [...notes, ...said], diagnostics: applyOverlay(tree, result.overlay) };
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    io.err(`vllm-router migrate: ${error.message}\n`);
    return undefined;
  }
}

/** Prints the new file, if it is one that the router takes. */
function write({ tree, notes }: Migrated, file: ConfigFile | undefined, io: Io): number {
  const text = printYaml(tree, style(file, notes));
  const { diagnostics } = loadConfig({ files: [{ name: 'router.yaml', text }], env: io.env });
  if (hasErrors(diagnostics)) return fail(diagnostics, [{ name: 'router.yaml', text }], io);
  io.err(formatDiagnostics(diagnostics, 'text', {}));
  io.out(text);
  return EXIT.ok;
}

/** Beside each value the setting that it came from; comments of the old file above. */
function style(file: ConfigFile | undefined, notes: readonly string[]): PrintStyle {
  const names = new Map<number, string>();
  const root = file && parseFile(file).root;
  if (root) nameValues(root, [], names);
  const comments = file ? commentsOf(file.text) : new Map<number, string>();
  const header = [` Written by vllm-router migrate from ${file?.name ?? 'flags'}.`];
  if (notes.length > 0) header.push(' To know:', ...notes.map((note) => `   ${note}`));
  if (root?.kind === 'map' && isDynamicConfig(root)) header.push(...unplaced(comments, names));
  return {
    header: header.join('\n'),
    explain: (origin) =>
      origin.from === 'file'
        ? names.get(origin.place.start)
        : origin.from === 'flag'
          ? formatOrigin(origin)
          : undefined,
    above: (origin) => {
      if (origin.from !== 'file') return undefined;
      const comment = comments.get(origin.place.start);
      comments.delete(origin.place.start);
      return comment;
    },
  };
}

/** Comments inside of a value that becomes something else: they have no place of their own any more. */
function unplaced(comments: Map<number, string>, names: ReadonlyMap<number, string>): string[] {
  const lost = [...comments].filter(([start]) => names.get(start)?.includes('.'));
  for (const [start] of lost) comments.delete(start);
  return lost.map(([start, comment]) => ` ${names.get(start)}: ${comment.replace(/\s*\n\s*/g, ' ').trim()}`);
}

function nameValues(node: Node, path: Path, names: Map<number, string>): void {
  if (path.length > 0 && node.origin.from === 'file') names.set(node.origin.place.start, formatPath(path));
  if (node.kind !== 'map') return;
  for (const [key, { value }] of node.entries) nameValues(value, [...path, key], names);
}

function fail(diagnostics: readonly Diagnostic[], files: readonly ConfigFile[], io: Io): number {
  io.err(formatDiagnostics(diagnostics, 'text', textStyle(io, files)));
  return EXIT.failed;
}
