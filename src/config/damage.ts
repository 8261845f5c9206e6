import type { Diagnostic } from './diagnostic.ts';
import type { MapNode, Node, Origin } from './tree.ts';

/**
 * What can be trusted of a file that is no valid YAML. The parser goes on after a mistake, but what it makes of the lines around
 * it is a guess. Sound are the top-level keys without a mistake in their lines, and of the others what is complete before the
 * first: each key or item that is followed by another one of the same map or list. What is left out makes the maps and lists
 * around it `open`: something may be missing there only because it could not be read.
 */
export class Damage {
  readonly #lines: readonly string[];
  /** Sorted lines; half a line less where the end of what stands above may be damaged too. */
  readonly #damaged: readonly number[];

  /** `mistakes`: where the parser complained, 1-based. */
  constructor(text: string, mistakes: readonly { readonly line: number; readonly col: number }[]) {
    this.#lines = text.split('\n');
    this.#damaged = mistakes.flatMap(({ line, col }) => this.#linesOf(line, col)).sort((a, b) => a - b);
  }

  /** Of a line that begins where it cannot, the one before it may be the one that is indented wrongly. */
  #linesOf(line: number, col: number): readonly number[] {
    if (this.#lines[line - 1]?.slice(0, col - 1).trim() !== '') return [line];
    let before = line - 1;
    while (before > 1 && /^\s*(#|$)/.test(this.#lines[before - 1] ?? '')) before--;
    return [before - 0.5, before, line];
  }

  /** The sound part of the tree that the parser made, and those of the findings on the way that are about it. */
  soundPart(root: Node, found: readonly Diagnostic[]): { root: Node | undefined; diagnostics: Diagnostic[] } {
    if (root.kind !== 'map') return { root: undefined, diagnostics: [] };
    const sections = this.#sections(root);
    const sound: MapNode = { ...root, open: true, entries: new Map() };
    for (const { key, until } of sections) {
      const entry = root.entries.get(key)!;
      if (until <= lineOf(entry.key)) continue;
      sound.entries.set(key, { key: entry.key, value: until === Infinity ? entry.value : before(entry.value, until) });
    }
    const isSound = ({ line }: { line: number }) => line < untilAt(sections, line);
    return { root: sound, diagnostics: found.filter((one) => isSound(one) && (one.related ?? []).every(isSound)) };
  }

  /** The top-level keys in the order of their lines, and the line from which each is not to be trusted. */
  #sections(root: MapNode): { key: string; from: number; until: number }[] {
    const keys = [...root.entries].map(([key, entry]) => ({ key, from: lineOf(entry.key), col: columnOf(entry.key) }));
    const first = this.#damaged[0] ?? Infinity;
    const column = keys[0]?.col;
    // In { } a line tells nothing about where a key belongs.
    const block = this.#lines[lineOf(root.origin) - 1]?.[columnOf(root.origin) - 1] !== '{';
    const own = keys.filter(({ from, col }) => from < first || (block && col === column));
    own.sort((a, b) => a.from - b.from);
    let next = 0;
    return own.map(({ key, from }, index) => {
      const end = own[index + 1]?.from ?? Infinity;
      while (next < this.#damaged.length && this.#damaged[next]! < from) next++;
      const line = this.#damaged[next] ?? Infinity;
      return { key, from, until: line < end ? line : Infinity };
    });
  }
}

/** What of the value stands before the line; its last part is open, and unknown where it is no map or list. */
function before(node: Node, line: number): Node {
  const unknown: Node = { kind: 'scalar', value: null, origin: node.origin, raw: '', poisoned: true };
  if (node.kind === 'scalar') return unknown;
  if (node.kind === 'list') {
    const items = node.items.filter((item) => lineOf(item.origin) < line);
    const last = items.pop();
    return last === undefined ? unknown : { ...node, items: [...items, before(last, line)], open: true };
  }
  const entries = [...node.entries].filter(([, { key }]) => lineOf(key) < line);
  const last = entries.pop();
  if (last === undefined) return unknown;
  const [name, { key, value }] = last;
  return { ...node, entries: new Map([...entries, [name, { key, value: before(value, line) }]]), open: true };
}

/** Of the section that holds the line; 0 above the first. */
function untilAt(sections: readonly { from: number; until: number }[], line: number): number {
  let [low, high] = [0, sections.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sections[middle]!.from <= line) low = middle + 1;
    else high = middle;
  }
  return sections[low - 1]?.until ?? 0;
}

function lineOf(origin: Origin): number {
  return origin.from === 'file' ? origin.place.line : 0;
}

function columnOf(origin: Origin): number {
  return origin.from === 'file' ? origin.place.col : 0;
}
