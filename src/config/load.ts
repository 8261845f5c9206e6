import { assemble } from './assemble.ts';
import type { Config } from './config.ts';
import { convert } from './convert.ts';
import { effectiveTree } from './defaults.ts';
import { type Diagnostic, diagnose, hasErrors, sortDiagnostics } from './diagnostic.ts';
import { type Environment, expand } from './expand.ts';
import { mergeFiles } from './merge-files.ts';
import { convertDynamicConfig, isDynamicConfig } from './original/dynamic-config.ts';
import { applyOverlay, type Overlay } from './overlay.ts';
import { type ConfigFile, type Parsed, parseSteps } from './parse.ts';
import { redact } from './redact.ts';
import { checkReferences } from './references.ts';
import { finish, type Steps } from './steps.ts';
import {
  child,
  emptyMap,
  keyOrigin,
  type MapNode,
  type Node,
  nearest,
  type Origin,
  type Path,
  type Plain,
  toPlain,
} from './tree.ts';
import { validate } from './validate.ts';

export type { ConfigFile } from './parse.ts';

export interface LoadInput {
  /** In the order in which they merge; none when flags alone make the document. */
  readonly files: readonly ConfigFile[];
  readonly overlay?: Overlay;
  readonly env: Environment;
}

export interface Loaded {
  /** Deep-frozen; absent when there is an error among the diagnostics. */
  readonly config?: Config;
  /** Everything that was found, sorted by position. */
  readonly diagnostics: readonly Diagnostic[];
  /** Who said the value at the path; of a value that is not there, its nearest parent. */
  readonly origins: (path: Path) => Origin;
  /** The whole document with all defaults, each route with every policy, units as text. `{}` when it could not be read. */
  readonly effective: Plain;
  /** The same with origins. */
  readonly tree: MapNode;
  /** Only what files and flags say, without any default. */
  readonly written: MapNode;
}

/** The findings of a load, and what `assemble` makes the config of: plain values that can go from one thread to another. */
export interface Checked extends Omit<Loaded, 'config'> {
  /** Absent when there is an error among the diagnostics. */
  readonly values?: Plain;
}

/** Text in; a config, or everything that is wrong with it. Pure: no clock, no disk, no network, no globals. Never throws. */
export function loadConfig(input: LoadInput): Loaded {
  return finish(loadSteps(input));
}

/** The same in pieces, so that a reload can let requests in between. */
export function* loadSteps(input: LoadInput): Steps<Loaded> {
  const { values, ...loaded } = yield* checkSteps(input);
  yield;
  return { ...(values !== undefined && { config: assemble(values) }), ...loaded };
}

/** All but the last step of it. */
export function* checkSteps(input: LoadInput): Steps<Checked> {
  const order = input.files.map(({ name }) => name);
  const parsed: Parsed[] = [];
  for (const file of input.files) parsed.push(yield* parseSteps(file));
  yield;
  const diagnostics: Diagnostic[] = parsed.flatMap((file) => file.diagnostics);
  const roots = parsed.flatMap(({ root }) => (root ? [root] : []));
  if (roots.length < input.files.length) {
    const sound = parsed.flatMap((file) => file.root ?? file.sound ?? []);
    return failed([...diagnostics, ...judgeParts(sound, input.env)], order);
  }

  for (const root of roots) diagnostics.push(...expand(root, input.env));
  const manifests = roots.flatMap(manifestFinding);
  if (manifests.length > 0) return failed([...diagnostics, ...manifests], order);
  const translated = roots.map((root) => translate(root, diagnostics));
  if (translated.includes(undefined)) return failed(diagnostics, order);
  const merged = mergeFiles(translated as Node[]);
  diagnostics.push(...merged.diagnostics);
  const root: Node = merged.root ?? emptyMap({ from: 'default' });
  if (root.kind !== 'map') {
    diagnostics.push(diagnose('wrong-type', root.origin, [], 'expected a map at the top of the file'));
    return failed(diagnostics, order);
  }
  diagnostics.push(...applyOverlay(root, input.overlay ?? []));
  yield;
  const findings = validate(root);
  // In a map that was to be a list the keys mean nothing.
  const noMaps = new Set(findings.filter(({ code }) => code === 'wrong-type').map(({ path }) => path));
  const told = diagnostics.filter(({ code, path }) => code !== 'duplicate-key' || !noMaps.has(path));
  diagnostics.splice(0, diagnostics.length, ...told, ...findings);
  yield;
  const tree = effectiveTree(root);
  yield;
  diagnostics.push(...(yield* checkReferences(root, tree, input.overlay ?? [], hasErrors(diagnostics))));
  redact(tree);
  redact(root);
  yield;
  return {
    ...(!hasErrors(diagnostics) && { values: convert(tree) }),
    diagnostics: sortDiagnostics(diagnostics, order),
    origins: (path) => nearest(tree, path).origin,
    effective: toPlain(tree),
    tree,
    written: root,
  };
}

/** A Kubernetes object, in which a config may well stand. */
function manifestFinding(root: Node): Diagnostic[] {
  const kind = child(root, 'kind');
  if (kind?.kind !== 'scalar' || child(root, 'apiVersion')?.kind !== 'scalar') return [];
  const message = `this is a Kubernetes manifest (${String(kind.value)}) and no configuration of the router`;
  const hint = child(root, 'data')
    ? 'put what stands under its data into a file of its own, and check that'
    : undefined;
  return [diagnose('wrong-type', keyOrigin(root, ['kind']), [], message, { hint })];
}

/** A file of the original router becomes one of ours; undefined when that cannot be done. */
function translate(root: Node, diagnostics: Diagnostic[]): Node | undefined {
  if (root.kind !== 'map' || !isDynamicConfig(root)) return root;
  const converted = convertDynamicConfig(root);
  diagnostics.push(...converted.diagnostics);
  return hasErrors(converted.diagnostics) ? undefined : converted.root;
}

/**
 * What the schema says of the readable parts of a configuration. Names, flags and warnings are left for later: what they are about may
 * stand in the rest.
 */
function judgeParts(parts: readonly Node[], env: Environment): Diagnostic[] {
  const known = parts.filter((part) => part.kind === 'map' && !isDynamicConfig(part));
  const expanded = known.flatMap((part) => expand(part, env));
  const { root, diagnostics } = mergeFiles(known);
  if (root?.kind !== 'map') return expanded;
  root.open = true;
  return [...expanded, ...diagnostics, ...validate(root)];
}

function failed(diagnostics: readonly Diagnostic[], order: readonly string[]): Checked {
  const tree = emptyMap({ from: 'default' });
  return {
    diagnostics: sortDiagnostics(diagnostics, order),
    origins: () => tree.origin,
    effective: {},
    tree,
    written: tree,
  };
}
