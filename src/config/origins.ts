import { formatPath } from './path.ts';
import { formatOrigin } from './print-yaml.ts';
import type { MapNode, Node, Path } from './tree.ts';

/** Path of each value → `router.yaml:12`, `--port` or `default`. */
export function originsOf(tree: MapNode): Readonly<Record<string, string>> {
  const origins: Record<string, string> = Object.create(null);
  addOrigins(tree, [], origins);
  return origins;
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
