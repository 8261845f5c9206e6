/** The configuration as a tree in which every value knows where it came from; all stages between text and config work on it. */

/** A position in a file: 1-based line and column, and the offsets [start, end) of the text within that line. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly col: number;
  readonly start: number;
  readonly end: number;
}

/** Who said a value: the file (at a place), a flag (its name), or nobody (the schema's default). */
export type Origin =
  | { readonly from: 'file'; readonly place: Place }
  | { readonly from: 'flag'; readonly flag: string }
  | { readonly from: 'default' };

export const DEFAULT_ORIGIN: Origin = { from: 'default' };

export type Path = readonly (string | number)[];
export type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

export interface ScalarNode {
  readonly kind: 'scalar';
  value: string | number | boolean | null;
  readonly origin: Origin;
  /** As it stands in the file, without quotes' meaning: tells `0777` from 777. */
  readonly raw: string;
  /** The text after `${VAR}` was replaced; present only where there was one, and never shown to people. */
  expanded?: string;
  /** An error has been reported for it: later stages stay silent. */
  poisoned?: boolean;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: Map<string, Entry>;
  readonly origin: Origin;
  /** A part of it could not be read: what seems to be missing may stand there. */
  open?: boolean;
}

export interface Entry {
  readonly key: Origin;
  readonly value: Node;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: Node[];
  readonly origin: Origin;
  open?: boolean;
}

export type Node = ScalarNode | MapNode | ListNode;

export function emptyMap(origin: Origin): MapNode {
  return { kind: 'map', entries: new Map(), origin };
}

/** A plain value as a tree whose every node has the same origin. */
export function fromPlain(value: unknown, origin: Origin): Node {
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => fromPlain(item, origin)), origin };
  if (value !== null && typeof value === 'object') {
    const map = emptyMap(origin);
    for (const [key, child] of Object.entries(value)) {
      map.entries.set(key, { key: origin, value: fromPlain(child, origin) });
    }
    return map;
  }
  return { kind: 'scalar', value: value as ScalarNode['value'], origin, raw: String(value) };
}

export function toPlain(node: Node): Plain {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toPlain);
  // fromEntries defines own properties, so a key `__proto__` stays a key.
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toPlain(entry.value)]));
}

export function clone(node: Node): Node {
  if (node.kind === 'scalar') return { ...node };
  if (node.kind === 'list') return { ...node, items: node.items.map(clone) };
  return {
    ...node,
    entries: new Map([...node.entries].map(([key, entry]) => [key, { key: entry.key, value: clone(entry.value) }])),
  };
}

export function child(node: Node | undefined, segment: string | number): Node | undefined {
  if (node?.kind === 'map') return node.entries.get(String(segment))?.value;
  if (node?.kind === 'list' && typeof segment === 'number') return node.items[segment];
  return undefined;
}

export function nodeAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const segment of path) node = child(node, segment);
  return node;
}

/** The node at the path, or the nearest ancestor that exists. */
export function nearest(root: Node, path: Path): Node {
  let node = root;
  for (const segment of path) {
    const next = child(node, segment);
    if (!next) break;
    node = next;
  }
  return node;
}

/** Where the key stands under which the path's value is found; the value itself for list items. */
export function keyOrigin(root: Node, path: Path): Origin {
  const parent = nodeAt(root, path.slice(0, -1));
  const last = path.at(-1);
  if (parent?.kind === 'map' && last !== undefined) {
    const entry = parent.entries.get(String(last));
    if (entry) return entry.key;
  }
  return nearest(root, path).origin;
}

export function setEntry(map: MapNode, key: string, value: Node, keyAt: Origin = value.origin): void {
  map.entries.set(key, { key: map.entries.get(key)?.key ?? keyAt, value });
}

/**
 * `over` on top of `base`: maps merge, scalars and lists replace. A map with a `type` is one choice, not a set of
 * settings, so it replaces too: merging a session's `header` into a round-robin would make neither.
 */
export function mergeTrees(base: Node, over: Node): Node {
  if (base.kind !== 'map' || over.kind !== 'map' || over.entries.has('type')) return clone(over);
  const merged = clone(base) as MapNode;
  for (const [key, entry] of over.entries) {
    const below = merged.entries.get(key)?.value;
    merged.entries.set(key, { key: entry.key, value: below ? mergeTrees(below, entry.value) : clone(entry.value) });
  }
  return { ...merged, origin: over.origin };
}
