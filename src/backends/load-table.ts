const INTS = { inflight: 0, sinceScrape: 1, uncached: 2, fresh: 3 } as const;
const INT_FIELDS = 4;
const FLOATS = { processed: 0, running: 1, waiting: 2, kvUsage: 3, ours: 4, cacheTokens: 5 } as const;
const FLOAT_FIELDS = 6;
const SLOT_BYTES = INT_FIELDS * 4 + FLOAT_FIELDS * 8;

/** An engine's own figures of its last scrape; `EngineLoad` of the algorithms. */
export interface EngineFigures {
  readonly running: number;
  readonly waiting: number;
  /** 0..1 */
  readonly kvUsage: number;
  /** How many of these were this router's: its in-flight count when the engine was scraped. */
  readonly ours?: number;
  /** Tokens that its KV memory has room for, where it tells. */
  readonly cacheTokens?: number | undefined;
}

/**
 * The figures that the request path updates, a slot per backend in one block of memory, so that threads that share it see
 * one exact load. What must be exact (attempts and tokens outstanding) is whole numbers changed by `Atomics`; `processed`
 * only breaks ties and may miss a count between threads.
 */
export class LoadTable {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  readonly capacity: number;
  readonly #floats: Float64Array;
  readonly #ints: Int32Array;
  readonly #slots: (SlotLoad | undefined)[] = [];
  /** Indexes that were given back. */
  readonly #free: number[] = [];

  /** `buffer` from `LoadTable.bytes(n)`; without it the table has memory of its own for `capacity` backends. */
  constructor(capacity: number, buffer: ArrayBuffer | SharedArrayBuffer = new ArrayBuffer(LoadTable.bytes(capacity))) {
    this.capacity = capacity;
    this.buffer = buffer;
    this.#floats = new Float64Array(buffer, 0, capacity * FLOAT_FIELDS);
    this.#ints = new Int32Array(buffer, capacity * FLOAT_FIELDS * 8, capacity * INT_FIELDS);
  }

  static bytes(capacity: number): number {
    return capacity * SLOT_BYTES;
  }

  /**
   * Takes a free slot, zeroed but for `processed`: a newcomer at zero would win every tie of an idle fleet until it has caught up with
   * the others' whole past. Who takes many slots asks for `leastProcessed` once. Throws RangeError when all are taken. One thread
   * allocates; others use `at`.
   */
  allocate(processed: number = this.leastProcessed()): SlotLoad {
    if (this.left === 0) throw new RangeError(`the load table is full: ${this.capacity} backends`);
    const index = this.#free.pop() ?? this.#slots.length;
    this.#floats.fill(0, index * FLOAT_FIELDS, (index + 1) * FLOAT_FIELDS);
    this.#ints.fill(0, index * INT_FIELDS, (index + 1) * INT_FIELDS);
    const slot = this.at(index);
    slot.processed = processed;
    this.#slots[index] = slot;
    return slot;
  }

  /** The view of a slot that another thread allocated. */
  at(index: number): SlotLoad {
    return new SlotLoad(this.#ints, this.#floats, index);
  }

  /** The slot may be given to another backend: call it when the last attempt there has ended. */
  free(slot: SlotLoad): void {
    if (this.#slots[slot.index] !== slot) return;
    this.#slots[slot.index] = undefined;
    this.#free.push(slot.index);
  }

  /** Slots that are not taken. */
  get left(): number {
    return this.capacity - this.#slots.length + this.#free.length;
  }

  /** Of the slots that are taken; 0 where none is. */
  leastProcessed(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const slot of this.#slots) if (slot !== undefined) least = Math.min(least, slot.processed);
    return least === Number.POSITIVE_INFINITY ? 0 : least;
  }
}

/** One backend's row: what algorithms read (it satisfies their `Load`), and what the attempt and the scraper write. */
export class SlotLoad {
  readonly index: number;
  readonly #ints: Int32Array;
  readonly #int: number;
  readonly #floats: Float64Array;
  readonly #float: number;
  readonly #engine: EngineFigures;

  constructor(ints: Int32Array, floats: Float64Array, index: number) {
    this.index = index;
    this.#ints = ints;
    this.#int = index * INT_FIELDS;
    this.#floats = floats;
    this.#float = index * FLOAT_FIELDS;
    this.#engine = new SlotEngineLoad(floats, this.#float);
  }

  get inflight(): number {
    return this.#ints[this.#int + INTS.inflight]!;
  }

  get sinceScrape(): number {
    return this.#ints[this.#int + INTS.sinceScrape]!;
  }

  get uncachedTokens(): number {
    return this.#ints[this.#int + INTS.uncached]!;
  }

  get processed(): number {
    return this.#floats[this.#float + FLOATS.processed]!;
  }

  set processed(count: number) {
    this.#floats[this.#float + FLOATS.processed] = count;
  }

  get engine(): EngineFigures | undefined {
    return this.#ints[this.#int + INTS.fresh] === 1 ? this.#engine : undefined;
  }

  /** An attempt is on its way. Every call is paired with one of `finished`. */
  dispatched(): void {
    Atomics.add(this.#ints, this.#int + INTS.inflight, 1);
    Atomics.add(this.#ints, this.#int + INTS.sinceScrape, 1);
    this.processed++;
  }

  /** The attempt ended, in whatever way. */
  finished(): void {
    Atomics.sub(this.#ints, this.#int + INTS.inflight, 1);
  }

  /** Tokens of a prompt that now await their first byte; the same number, negative, when it came or the attempt ended. */
  addUncached(tokens: number): void {
    Atomics.add(this.#ints, this.#int + INTS.uncached, tokens | 0);
  }

  /** Takes over what a scrape has found. `ours` is this router's in-flight count when the scrape was sent. */
  scraped(load: EngineFigures): void {
    this.#floats[this.#float + FLOATS.running] = load.running;
    this.#floats[this.#float + FLOATS.waiting] = load.waiting;
    this.#floats[this.#float + FLOATS.kvUsage] = load.kvUsage;
    this.#floats[this.#float + FLOATS.ours] = load.ours ?? this.inflight;
    this.#floats[this.#float + FLOATS.cacheTokens] = load.cacheTokens ?? 0;
    Atomics.store(this.#ints, this.#int + INTS.sinceScrape, 0);
    Atomics.store(this.#ints, this.#int + INTS.fresh, 1);
  }

  /** The last scrape is too old to go by. */
  stale(): void {
    Atomics.store(this.#ints, this.#int + INTS.fresh, 0);
  }
}

/** Reads the slot, so that `load.engine` costs no object per look. */
class SlotEngineLoad implements EngineFigures {
  readonly #floats: Float64Array;
  readonly #float: number;

  constructor(floats: Float64Array, float: number) {
    this.#floats = floats;
    this.#float = float;
  }

  get running(): number {
    return this.#floats[this.#float + FLOATS.running]!;
  }

  get waiting(): number {
    return this.#floats[this.#float + FLOATS.waiting]!;
  }

  get kvUsage(): number {
    return this.#floats[this.#float + FLOATS.kvUsage]!;
  }

  get ours(): number {
    return this.#floats[this.#float + FLOATS.ours]!;
  }

  get cacheTokens(): number | undefined {
    return this.#floats[this.#float + FLOATS.cacheTokens] || undefined;
  }
}
