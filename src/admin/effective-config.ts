import { conceal } from '../config/conceal.ts';
import type { Loaded } from '../config/load.ts';
import { formatPath } from '../config/path.ts';
import { formatOrigin, printYaml } from '../config/print-yaml.ts';
import { type MapNode, type Node, type Path, type Plain, toPlain } from '../config/tree.ts';

/** A config in force as it may be shown; made once per config. */
export interface ShownConfig {
  /** The whole document with all defaults: a valid file, as JSON. */
  readonly config: Plain;
  /** Path of each value → `router.yaml:12`, `--port` or `default`. */
  readonly origins: Readonly<Record<string, string>>;
  /** The same with the origins as comments. */
  readonly yaml: () => string;
}

const shown = new WeakMap<Loaded, ShownConfig>();

export function showConfig(loaded: Loaded): ShownConfig {
  let found = shown.get(loaded);
  if (found === undefined) {
    found = show(conceal(loaded.tree));
    shown.set(loaded, found);
  }
  return found;
}

function show(tree: MapNode): ShownConfig {
  const origins: Record<string, string> = Object.create(null);
  addOrigins(tree, [], origins);
  return { config: toPlain(tree), origins, yaml: () => printYaml(tree) };
}

function addOrigins(node: Node, path: Path, into: Record<string, string>): void {
  const children =
    node.kind === 'map'
      ? [...node.entries].map(([key, { value }]) => [key, value] as const)
      : node.kind === 'list'
        ? [...node.items.entries()]
        : [];
  if (children.length === 0) into[formatPath(path)] = formatOrigin(node.origin);
  for (const [key, value] of children) addOrigins(value, [...path, key], into);
}
