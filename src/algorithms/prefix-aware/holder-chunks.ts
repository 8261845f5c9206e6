/** No chunk, no place. */
export const NONE = -1;
/** In `next`: the chunk is a branch, its stamps are the chunks below. */
const BRANCH = -2;
const PER_CHUNK = 7;
/** A list of more chunks than this becomes a branch. */
const LONGEST = 4;
/** So many branches above each other tell all slots apart: 7^6 is more than 2^16. */
const DEEPEST = 6;
/** Chunks that making a branch of a full list may need beyond those it frees. */
const SPARE = 8;

export const CHUNK_BYTES = PER_CHUNK * 6 + 4;

/** Called for a holder; true ends the walk. */
export type VisitHolder = (slot: number, stamp: number) => boolean;

/**
 * Sets of slots with a stamp each, in chunks of seven from one fixed pool. A small set is a list of chunks. A large one is a
 * tree: a branch's seven lists are told apart by the slot modulo seven, the next branches by what remains. One backend
 * among the 1,000 that hold a prompt's start is found in four chunks instead of 71 on average, and a 220 KB prompt has 41
 * blocks to find it in, all of them far apart in memory.
 */
export class HolderChunks {
  readonly #slots: Uint16Array;
  /** Of a branch: chunks, as unsigned numbers. */
  readonly #stamps: Uint32Array;
  readonly #next: Int32Array;
  readonly #isVacant: (slot: number) => boolean;
  readonly #vacant: number;
  #free = NONE;
  #freed = 0;
  #used = 0;
  readonly #moved: [slot: number, stamp: number][] = [];

  /** `vacant` marks an empty place; `isVacant` says which slots' places may be taken too. */
  constructor(chunks: number, vacant: number, isVacant: (slot: number) => boolean) {
    this.#slots = new Uint16Array(chunks * PER_CHUNK);
    this.#stamps = new Uint32Array(chunks * PER_CHUNK);
    this.#next = new Int32Array(chunks);
    this.#vacant = vacant;
    this.#isVacant = isVacant;
  }

  /** The slot's place below `root`, or NONE. */
  find(root: number, slot: number): number {
    let chunk = root;
    for (let key = slot; chunk !== NONE && this.#next[chunk] === BRANCH; key = Math.floor(key / PER_CHUNK)) {
      chunk = this.#stamps[chunk * PER_CHUNK + (key % PER_CHUNK)]! | 0;
    }
    for (; chunk !== NONE; chunk = this.#next[chunk]!) {
      const end = (chunk + 1) * PER_CHUNK;
      for (let at = chunk * PER_CHUNK; at < end; at++) if (this.#slots[at] === slot) return at;
    }
    return NONE;
  }

  stamp(place: number): number {
    return this.#stamps[place]!;
  }

  setStamp(place: number, stamp: number): void {
    this.#stamps[place] = stamp;
  }

  vacate(place: number): void {
    this.#slots[place] = this.#vacant;
  }

  /** Adds a slot that is not there; the root from now on, or NONE when no chunk is left (and the set is as it was). */
  add(root: number, slot: number, stamp: number): number {
    return this.#add(root, slot, stamp, slot, 0);
  }

  /** Every holder below `root` whose place is not vacant, until `visit` says true; true when it did. */
  visit(root: number, visit: VisitHolder): boolean {
    for (let chunk = root; chunk !== NONE; chunk = this.#next[chunk]!) {
      const end = (chunk + 1) * PER_CHUNK;
      if (this.#next[chunk] === BRANCH) {
        for (let at = chunk * PER_CHUNK; at < end; at++) if (this.visit(this.#stamps[at]! | 0, visit)) return true;
        return false;
      }
      for (let at = chunk * PER_CHUNK; at < end; at++) {
        const slot = this.#slots[at]!;
        if (!this.#isVacant(slot) && visit(slot, this.#stamps[at]!)) return true;
      }
    }
    return false;
  }

  /** Gives all chunks below `root` back. */
  clear(root: number): void {
    for (let chunk = root; chunk !== NONE; ) {
      const next = this.#next[chunk]!;
      if (next === BRANCH) {
        for (let at = chunk * PER_CHUNK; at < (chunk + 1) * PER_CHUNK; at++) this.clear(this.#stamps[at]! | 0);
      }
      this.#next[chunk] = this.#free;
      this.#free = chunk;
      this.#freed++;
      chunk = next === BRANCH ? NONE : next;
    }
  }

  /** Empties the places that are vacant for their slots' sake. */
  sweep(root: number): void {
    for (let chunk = root; chunk !== NONE; chunk = this.#next[chunk]!) {
      const branch = this.#next[chunk] === BRANCH;
      for (let at = chunk * PER_CHUNK; at < (chunk + 1) * PER_CHUNK; at++) {
        if (branch) this.sweep(this.#stamps[at]! | 0);
        else if (this.#isVacant(this.#slots[at]!)) this.#slots[at] = this.#vacant;
      }
      if (branch) return;
    }
  }

  #add(root: number, slot: number, stamp: number, key: number, depth: number): number {
    if (root !== NONE && this.#next[root] === BRANCH) {
      const at = root * PER_CHUNK + (key % PER_CHUNK);
      const below = this.#add(this.#stamps[at]! | 0, slot, stamp, Math.floor(key / PER_CHUNK), depth + 1);
      if (below === NONE) return NONE;
      this.#stamps[at] = below;
      return root;
    }
    let chunks = 0;
    for (let chunk = root; chunk !== NONE; chunk = this.#next[chunk]!) {
      chunks++;
      const end = (chunk + 1) * PER_CHUNK;
      for (let at = chunk * PER_CHUNK; at < end; at++) {
        if (!this.#isVacant(this.#slots[at]!)) continue;
        this.#slots[at] = slot;
        this.#stamps[at] = stamp;
        return root;
      }
    }
    if (chunks >= LONGEST && depth < DEEPEST && this.#left >= SPARE) {
      return this.#add(this.#branch(root, depth), slot, stamp, key, depth);
    }
    const chunk = this.#take();
    if (chunk === NONE) return NONE;
    this.#next[chunk] = root;
    this.#slots.fill(this.#vacant, chunk * PER_CHUNK, (chunk + 1) * PER_CHUNK);
    this.#slots[chunk * PER_CHUNK] = slot;
    this.#stamps[chunk * PER_CHUNK] = stamp;
    return chunk;
  }

  /** Makes a branch of a list. */
  #branch(root: number, depth: number): number {
    const moved = this.#moved;
    moved.length = 0;
    this.visit(root, (held, stamp) => moved.push([held, stamp]) < 0);
    this.clear(root);
    const chunk = this.#take();
    this.#next[chunk] = BRANCH;
    this.#stamps.fill(NONE, chunk * PER_CHUNK, (chunk + 1) * PER_CHUNK);
    const divisor = PER_CHUNK ** depth;
    for (const [held, stamp] of moved) this.#add(chunk, held, stamp, Math.floor(held / divisor), depth);
    return chunk;
  }

  get #left(): number {
    return this.#freed + this.#next.length - this.#used;
  }

  #take(): number {
    const chunk = this.#free;
    if (chunk !== NONE) {
      this.#free = this.#next[chunk]!;
      this.#freed--;
      return chunk;
    }
    return this.#used < this.#next.length ? this.#used++ : NONE;
  }
}
