import { NO_SLOT } from './backend-slots.ts';

const NONE = -1;
const PER_CHUNK = 7;

/** Bytes per entry and per chunk, for the index's cap. */
export const HOLDER_BYTES = 2 + 4 + 4;
export const CHUNK_BYTES = PER_CHUNK * 6 + 4;

/** Called for a holder; true ends the walk. */
export type VisitHolder = (slot: number, stamp: number) => boolean;

/**
 * Which backends hold each index entry's block, with the stamp of its last use there. Most blocks have one holder, which
 * lies in the entry itself; the others go to a list of chunks from a fixed pool.
 */
export class Holders {
  readonly #firstSlot: Uint16Array;
  readonly #firstStamp: Uint32Array;
  readonly #more: Int32Array;
  readonly #slots: Uint16Array;
  readonly #stamps: Uint32Array;
  readonly #next: Int32Array;
  readonly #alive: Uint8Array;
  #freeChunk = NONE;
  #usedChunks = 0;

  /** `alive` by slot: the others are dead, and their places are taken by newcomers. */
  constructor(entries: number, chunks: number, alive: Uint8Array) {
    this.#firstSlot = new Uint16Array(entries).fill(NO_SLOT);
    this.#firstStamp = new Uint32Array(entries);
    this.#more = new Int32Array(entries).fill(NONE);
    this.#slots = new Uint16Array(chunks * PER_CHUNK);
    this.#stamps = new Uint32Array(chunks * PER_CHUNK);
    this.#next = new Int32Array(chunks);
    this.#alive = alive;
  }

  /** Adds a holder or renews its stamp; false when the pool has no chunk left. */
  set(entry: number, slot: number, stamp: number): boolean {
    const first = this.#firstSlot[entry]!;
    if (first === slot || (this.#more[entry] === NONE && this.#isVacant(first))) {
      this.#firstSlot[entry] = slot;
      this.#firstStamp[entry] = stamp;
      return true;
    }
    let at = NONE;
    for (let chunk = this.#more[entry]!; chunk !== NONE; chunk = this.#next[chunk]!) {
      const end = (chunk + 1) * PER_CHUNK;
      for (let place = chunk * PER_CHUNK; place < end; place++) {
        const held = this.#slots[place]!;
        if (held === slot) {
          this.#stamps[place] = stamp;
          return true;
        }
        if (at === NONE && this.#isVacant(held)) at = place;
      }
    }
    if (this.#isVacant(first)) {
      this.#firstSlot[entry] = slot;
      this.#firstStamp[entry] = stamp;
      return true;
    }
    if (at === NONE) at = this.#extend(entry);
    if (at === NONE) return false;
    this.#slots[at] = slot;
    this.#stamps[at] = stamp;
    return true;
  }

  /** The stamp of the slot's last use of the entry, or undefined. */
  stamp(entry: number, slot: number): number | undefined {
    if (this.#firstSlot[entry] === slot) return this.#firstStamp[entry];
    const at = this.#find(entry, slot);
    return at === NONE ? undefined : this.#stamps[at];
  }

  remove(entry: number, slot: number): void {
    if (this.#firstSlot[entry] === slot) this.#firstSlot[entry] = NO_SLOT;
    const at = this.#find(entry, slot);
    if (at !== NONE) this.#slots[at] = NO_SLOT;
  }

  /** Forgets the entry's holders and gives its chunks back. */
  clear(entry: number): void {
    this.#firstSlot[entry] = NO_SLOT;
    for (let chunk = this.#more[entry]!; chunk !== NONE; ) {
      const next = this.#next[chunk]!;
      this.#next[chunk] = this.#freeChunk;
      this.#freeChunk = chunk;
      chunk = next;
    }
    this.#more[entry] = NONE;
  }

  /** Drops the dead, so that their slots can be given to others. */
  sweep(entry: number): void {
    if (this.#isVacant(this.#firstSlot[entry]!)) this.#firstSlot[entry] = NO_SLOT;
    for (let chunk = this.#more[entry]!; chunk !== NONE; chunk = this.#next[chunk]!) {
      const end = (chunk + 1) * PER_CHUNK;
      for (let at = chunk * PER_CHUNK; at < end; at++) if (this.#isVacant(this.#slots[at]!)) this.#slots[at] = NO_SLOT;
    }
  }

  /** Every live holder of the entry, until `visit` says true. */
  visit(entry: number, visit: VisitHolder): void {
    const first = this.#firstSlot[entry]!;
    if (!this.#isVacant(first) && visit(first, this.#firstStamp[entry]!)) return;
    for (let chunk = this.#more[entry]!; chunk !== NONE; chunk = this.#next[chunk]!) {
      const end = (chunk + 1) * PER_CHUNK;
      for (let at = chunk * PER_CHUNK; at < end; at++) {
        const slot = this.#slots[at]!;
        if (!this.#isVacant(slot) && visit(slot, this.#stamps[at]!)) return;
      }
    }
  }

  #isVacant(slot: number): boolean {
    return slot === NO_SLOT || this.#alive[slot] === 0;
  }

  #find(entry: number, slot: number): number {
    for (let chunk = this.#more[entry]!; chunk !== NONE; chunk = this.#next[chunk]!) {
      const end = (chunk + 1) * PER_CHUNK;
      for (let at = chunk * PER_CHUNK; at < end; at++) if (this.#slots[at] === slot) return at;
    }
    return NONE;
  }

  /** A place in a new chunk at the list's head. */
  #extend(entry: number): number {
    let chunk = this.#freeChunk;
    if (chunk !== NONE) this.#freeChunk = this.#next[chunk]!;
    else if (this.#usedChunks < this.#next.length) chunk = this.#usedChunks++;
    else return NONE;
    this.#next[chunk] = this.#more[entry]!;
    this.#more[entry] = chunk;
    this.#slots.fill(NO_SLOT, chunk * PER_CHUNK, (chunk + 1) * PER_CHUNK);
    return chunk * PER_CHUNK;
  }
}
