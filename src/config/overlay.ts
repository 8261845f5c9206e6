import { splitBind } from './bind.ts';
import { type Diagnostic, diagnose } from './diagnostic.ts';
import { memberSchema, resolve, SCHEMA, type Schema, schemaFor } from './schema.ts';
import {
  child,
  emptyMap,
  fromPlain,
  type ListNode,
  type MapNode,
  type Node,
  type Origin,
  type Path,
  setEntry,
} from './tree.ts';

/** What flags say, in order; a later entry for the same path wins. */
export type Overlay = readonly OverlayEntry[];

export interface OverlayEntry {
  /** A string segment on a list selects the item with that `name`. */
  readonly path: Path;
  readonly value: unknown;
  readonly origin: 'flag';
  /** As people write it: `--port`. */
  readonly flag: string;
  /** Where the original's own file says it, when it is no flag. */
  readonly at?: Origin;
  /** The value is only one half of a `host:port`. */
  readonly half?: 'host' | 'port';
}

/** Writes the overlay into the tree, in place. Missing maps on the way are made. */
export function applyOverlay(root: MapNode, overlay: Overlay): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const entry of overlay) {
    const problem = apply(root, entry);
    if (problem !== undefined) {
      diagnostics.push(diagnose('bad-flag', entry.at ?? { from: 'flag', flag: entry.flag }, entry.path, problem));
    }
  }
  return diagnostics;
}

function apply(root: MapNode, entry: OverlayEntry): string | undefined {
  const origin: Origin = entry.at ?? { from: 'flag', flag: entry.flag };
  let node: Node = root;
  let rules: Schema | undefined = SCHEMA;
  for (const [index, segment] of entry.path.entries()) {
    rules = rules && schemaFor(rules, node);
    rules = rules && (node.kind === 'list' ? rules.items : memberSchema(rules, String(segment)));
    if (node.kind === 'scalar') return 'the file has a plain value where the path goes on';
    if (index === entry.path.length - 1) return write(node, segment, entry, origin);
    let next: Node | undefined = node.kind === 'list' ? node.items[indexOf(node.items, segment)] : child(node, segment);
    if (!next) {
      const further = entry.path[index + 1]!;
      const list: boolean = rules !== undefined && resolve(rules).type === 'array';
      if (list && typeof further === 'string') return `the file has no ${String(segment)}, so none called ${further}`;
      next = list || typeof further === 'number' ? { kind: 'list', items: [], origin } : emptyMap(origin);
      if (node.kind === 'map') setEntry(node, String(segment), next);
      else if (segment === node.items.length) node.items.push(next);
      else return noItem(node, segment);
    }
    node = next;
  }
  return undefined;
}

function write(node: Node, segment: string | number, entry: OverlayEntry, origin: Origin): string | undefined {
  const value = entry.half ? joinBind(child(node, segment), entry.half, String(entry.value)) : entry.value;
  const fresh = fromPlain(value, origin);
  if (node.kind === 'list') {
    const index = indexOf(node.items, segment);
    if (index < 0 || index > node.items.length) return noItem(node, segment);
    node.items[index] = fresh;
    return undefined;
  }
  const map = node as MapNode;
  const before = child(map, segment);
  // The other members belong to the other type and would all be unknown keys.
  if (segment === 'type' && before?.kind === 'scalar' && before.value !== value) map.entries.clear();
  setEntry(map, String(segment), fresh);
  return undefined;
}

function noItem(list: ListNode, segment: string | number): string {
  const names = list.items.flatMap((item) => {
    const name = child(item, 'name');
    return name?.kind === 'scalar' && typeof name.value === 'string' ? [name.value] : [];
  });
  const there = typeof segment === 'string' && names.length > 0 ? `, but ${names.join(', ')}` : '';
  return `the file has no item ${JSON.stringify(segment)} there${there}`;
}

function indexOf(items: readonly Node[], segment: string | number): number {
  if (typeof segment === 'number') return segment;
  return items.findIndex((item) => {
    const name = child(item, 'name');
    return name?.kind === 'scalar' && name.value === segment;
  });
}

function joinBind(before: Node | undefined, half: 'host' | 'port', value: string): string {
  const base = before?.kind === 'scalar' ? splitBind(String(before.value)) : undefined;
  const host = half === 'host' ? value : (base?.host ?? '0.0.0.0');
  const port = half === 'port' ? value : (base?.port ?? 8001);
  return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}
