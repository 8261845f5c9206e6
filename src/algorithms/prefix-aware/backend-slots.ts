/** The backend has no slot: nothing is known of its cache. */
export const NO_SLOT = 0xffff;

/** Bytes kept per slot, for the index's cap. */
export const SLOT_BYTES = 8 + 4 + 4 + 4 + 1;

/**
 * Small numbers for backends, so that index entries name one in two bytes, and the arrays that go by them. A removed
 * backend's slot is dead at once, and given to another one only after the index has swept it out of its entries.
 */
export class BackendSlots {
  readonly capacity: number;
  /** 1 while the backend exists. */
  readonly alive: Uint8Array;
  /** Requests it got lately, in the index's growing unit. */
  readonly traffic: Float64Array;
  /** The last match that found the slot, how many blocks of the prompt it was found to hold, and the stamp of the last. */
  readonly marked: Uint32Array;
  readonly depth: Uint32Array;
  readonly stamp: Uint32Array;
  readonly #slots = new Map<string, number>();
  #used = 0;
  readonly #free: number[] = [];
  #retired: number[] = [];

  constructor(capacity: number) {
    this.capacity = Math.min(capacity, NO_SLOT);
    this.alive = new Uint8Array(this.capacity);
    this.traffic = new Float64Array(this.capacity);
    this.marked = new Uint32Array(this.capacity);
    this.depth = new Uint32Array(this.capacity);
    this.stamp = new Uint32Array(this.capacity);
  }

  /** Backends that exist. */
  get live(): number {
    return this.#slots.size;
  }

  /** NO_SLOT when the backend is unknown. */
  of(id: string): number {
    return this.#slots.get(id) ?? NO_SLOT;
  }

  /** A slot for a backend that has none, NO_SLOT when all are taken; `sweep` is called when only dead ones are left. */
  open(id: string, sweep: () => void): number {
    if (this.#free.length === 0 && this.#used === this.capacity) {
      if (this.#retired.length === 0) return NO_SLOT;
      sweep();
      this.#free.push(...this.#retired);
      this.#retired = [];
    }
    const slot = this.#free.pop() ?? this.#used++;
    this.#slots.set(id, slot);
    this.alive[slot] = 1;
    this.traffic[slot] = 0;
    this.marked[slot] = 0;
    return slot;
  }

  remove(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    this.alive[slot] = 0;
    this.#retired.push(slot);
  }
}
