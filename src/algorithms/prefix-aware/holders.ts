import { NO_SLOT } from './backend-slots.ts';
import { HolderChunks, NONE, type VisitHolder } from './holder-chunks.ts';

/** Bytes per entry, for the index's cap. */
export const HOLDER_BYTES = 2 + 4 + 4;

/**
 * Which backends hold each index entry's block, with the stamp of its last use there. Most blocks have one holder, which
 * lies in the entry itself; the others go to chunks from a fixed pool.
 */
export class Holders {
  readonly #firstSlot: Uint16Array;
  readonly #firstStamp: Uint32Array;
  readonly #more: Int32Array;
  readonly #chunks: HolderChunks;
  readonly #alive: Uint8Array;

  /** `alive` by slot: the others are dead, and their places are taken by newcomers. */
  constructor(entries: number, chunks: number, alive: Uint8Array) {
    this.#firstSlot = new Uint16Array(entries).fill(NO_SLOT);
    this.#firstStamp = new Uint32Array(entries);
    this.#more = new Int32Array(entries).fill(NONE);
    this.#alive = alive;
    this.#chunks = new HolderChunks(chunks, NO_SLOT, (slot) => this.#isVacant(slot));
  }

  /** Adds a holder or renews its stamp; false when the pool has no chunk left. */
  set(entry: number, slot: number, stamp: number): boolean {
    const first = this.#firstSlot[entry]!;
    const more = this.#more[entry]!;
    if (first === slot || (more === NONE && this.#isVacant(first))) return this.#setFirst(entry, slot, stamp);
    const at = this.#chunks.find(more, slot);
    if (at !== NONE) {
      this.#chunks.setStamp(at, stamp);
      return true;
    }
    if (this.#isVacant(first)) return this.#setFirst(entry, slot, stamp);
    const root = this.#chunks.add(more, slot, stamp);
    if (root === NONE) return false;
    this.#more[entry] = root;
    return true;
  }

  /** The stamp of the slot's last use of the entry, or undefined. */
  stamp(entry: number, slot: number): number | undefined {
    if (this.#firstSlot[entry] === slot) return this.#firstStamp[entry];
    const at = this.#chunks.find(this.#more[entry]!, slot);
    return at === NONE ? undefined : this.#chunks.stamp(at);
  }

  remove(entry: number, slot: number): void {
    if (this.#firstSlot[entry] === slot) this.#firstSlot[entry] = NO_SLOT;
    const at = this.#chunks.find(this.#more[entry]!, slot);
    if (at !== NONE) this.#chunks.vacate(at);
  }

  /** Forgets the entry's holders and gives its chunks back. */
  clear(entry: number): void {
    this.#firstSlot[entry] = NO_SLOT;
    this.#chunks.clear(this.#more[entry]!);
    this.#more[entry] = NONE;
  }

  /** Drops the dead, so that their slots can be given to others. */
  sweep(entry: number): void {
    if (this.#isVacant(this.#firstSlot[entry]!)) this.#firstSlot[entry] = NO_SLOT;
    this.#chunks.sweep(this.#more[entry]!);
  }

  /** Every live holder of the entry, until `visit` says true. */
  visit(entry: number, visit: VisitHolder): void {
    const first = this.#firstSlot[entry]!;
    if (!this.#isVacant(first) && visit(first, this.#firstStamp[entry]!)) return;
    this.#chunks.visit(this.#more[entry]!, visit);
  }

  #setFirst(entry: number, slot: number, stamp: number): true {
    this.#firstSlot[entry] = slot;
    this.#firstStamp[entry] = stamp;
    return true;
  }

  #isVacant(slot: number): boolean {
    return slot === NO_SLOT || this.#alive[slot] === 0;
  }
}
