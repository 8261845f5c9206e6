import { conceal } from '../config/conceal.ts';
import type { Loaded } from '../config/load.ts';
import { originsOf } from '../config/origins.ts';
import { printYaml } from '../config/print-yaml.ts';
import { type MapNode, type Plain, toPlain } from '../config/tree.ts';

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
  return { config: toPlain(tree), origins: originsOf(tree), yaml: () => printYaml(tree) };
}
