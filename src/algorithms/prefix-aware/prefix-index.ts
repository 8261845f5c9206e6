import { BackendSlots, NO_SLOT, SLOT_BYTES } from './backend-slots.ts';
import { MAX_BLOCKS, PromptBlocks } from './blocks.ts';
import { AGE_BYTES, CacheAge } from './cache-age.ts';
import { CHUNK_BYTES } from './holder-chunks.ts';
import { HOLDER_BYTES, Holders } from './holders.ts';
import { TokenEstimate } from './token-estimate.ts';

const NONE = -1;

/** Key, chain, order of use, demand. */
const ENTRY_BYTES = 8 + 4 + 8 + 8;
const BUCKET_BYTES = 4;
/** One chunk of further holders for so many entries. */
const ENTRIES_PER_CHUNK = 4;
/** The least an index can work with: it must hold the longest prompt's blocks. */
export const LEAST_INDEX_BYTES = 64 * 1024;

/** After so many requests the demand for a block counts half. */
const HALF_LIFE = 500;
const GROWTH_PER_REQUEST = 2 ** (1 / HALF_LIFE);
const LARGEST_UNIT = 2 ** 900;

/**
 * Which backends' caches hold which prompt blocks: chained block hash → holders, in typed arrays of fixed size, the entry
 * used longest ago out first. All memory is reserved at construction (the system hands pages out as they are touched), so
 * the cap is never exceeded. It outlives configurations and is shared by the routes that ask for the same size.
 */
export class PrefixIndex {
  /** Bytes of all that is kept, at most what the constructor was given. */
  readonly byteLength: number;
  readonly age: CacheAge;
  readonly tokens: TokenEstimate = new TokenEstimate();
  /** The prompt in hand, which `match`, `insert` and `withdraw` are about. */
  readonly blocks: PromptBlocks = new PromptBlocks();
  /** Whose prompt `match` looked up last, as long as the answer holds. */
  matchedFor: object | undefined;
  readonly #slots: BackendSlots;
  readonly #capacity: number;
  readonly #buckets: Int32Array;
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  readonly #chain: Int32Array;
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  /** Requests for the block, each counted in the unit of its time; the unit grows, so that old requests fade. */
  readonly #demand: Float64Array;
  readonly #holders: Holders;
  #newest = NONE;
  #oldest = NONE;
  #freeEntry = NONE;
  #usedEntries = 0;
  #size = 0;
  #unit = 1;
  /** The last match: its number, its entries from the prompt's start, and how many there are. */
  #round = 0;
  readonly #path: Int32Array = new Int32Array(MAX_BLOCKS);
  #matched = 0;

  /** @throws RangeError below `LEAST_INDEX_BYTES` */
  constructor(bytes: number) {
    if (!(bytes >= LEAST_INDEX_BYTES)) throw new RangeError(`a prefix index needs ${LEAST_INDEX_BYTES} bytes`);
    const slots = Math.min(16_384, Math.floor(bytes / 32 / (SLOT_BYTES + AGE_BYTES)));
    const fixed = slots * (SLOT_BYTES + AGE_BYTES) + 3 * 4 * MAX_BLOCKS;
    const perEntry = ENTRY_BYTES + HOLDER_BYTES + 2 * BUCKET_BYTES + CHUNK_BYTES / ENTRIES_PER_CHUNK;
    this.#capacity = Math.floor((bytes - fixed) / perEntry);
    const chunks = Math.floor(this.#capacity / ENTRIES_PER_CHUNK);
    const buckets = 2 ** Math.floor(Math.log2(2 * this.#capacity));
    this.#slots = new BackendSlots(slots);
    this.age = new CacheAge(slots);
    this.#buckets = new Int32Array(buckets).fill(NONE);
    this.#low = new Uint32Array(this.#capacity);
    this.#high = new Uint32Array(this.#capacity);
    this.#chain = new Int32Array(this.#capacity);
    this.#older = new Int32Array(this.#capacity);
    this.#newer = new Int32Array(this.#capacity);
    this.#demand = new Float64Array(this.#capacity);
    this.#holders = new Holders(this.#capacity, chunks, this.#slots.alive);
    this.byteLength =
      fixed + buckets * BUCKET_BYTES + this.#capacity * (ENTRY_BYTES + HOLDER_BYTES) + chunks * CHUNK_BYTES;
  }

  /** Blocks known. */
  get size(): number {
    return this.#size;
  }

  /** The backend's slot, a new one if it is new; NO_SLOT beyond the most backends that an index of this size can tell apart. */
  open(id: string): number {
    const known = this.#slots.of(id);
    if (known !== NO_SLOT) return known;
    const slot = this.#slots.open(id, () => this.#sweep());
    if (slot !== NO_SLOT) this.age.reset(slot);
    return slot;
  }

  /** NO_SLOT when the backend is unknown or was removed. */
  slotOf(id: string): number {
    return this.#slots.of(id);
  }

  /** What the backend held is forgotten at once. */
  removeBackend(id: string): void {
    this.#slots.remove(id);
  }

  /** Looks up `blocks`, the prompt of `owner`: which backends hold how many of them from the start. */
  match(owner: object): void {
    const { low, high, count } = this.blocks;
    let matched = 0;
    while (matched < count) {
      const entry = this.#find(low[matched]!, high[matched]!);
      if (entry === NONE) break;
      this.#path[matched++] = entry;
    }
    this.#matched = matched;
    this.matchedFor = owner;
    this.#round = (this.#round + 1) >>> 0 || 1;
    const round = this.#round;
    const { marked, depth, stamp: stamps } = this.#slots;
    let left = this.#slots.live;
    // From the deepest: the first find is a backend's longest match.
    for (let at = matched; at > 0 && left > 0; at--) {
      this.#holders.visit(this.#path[at - 1]!, (slot, stamp) => {
        if (marked[slot] !== round && this.age.isFresh(slot, stamp)) {
          marked[slot] = round;
          depth[slot] = at;
          stamps[slot] = stamp;
          left--;
        }
        return left === 0;
      });
    }
  }

  /** Blocks of the last match that the backend is believed to hold. */
  depthOf(slot: number): number {
    return slot !== NO_SLOT && this.#slots.marked[slot] === this.#round ? this.#slots.depth[slot]! : 0;
  }

  /** The same for each of `slots`, into `depths`; the deepest of them. */
  readDepths(slots: Uint16Array, depths: Uint32Array): number {
    const { marked, depth } = this.#slots;
    const round = this.#round;
    let deepest = 0;
    for (let at = 0; at < slots.length; at++) {
      const slot = slots[at]!;
      const held = slot !== NO_SLOT && marked[slot] === round ? depth[slot]! : 0;
      depths[at] = held;
      if (held > deepest) deepest = held;
    }
    return deepest;
  }

  /** How likely the backend is to hold them still, 0..1; only asked where `depthOf` found some. */
  beliefIn(slot: number): number {
    return this.age.belief(slot, this.#slots.stamp[slot]!);
  }

  /** Blocks of the last match that the backend ever held, fresh or not, with the stamp of the last one's use. */
  heldBy(slot: number): { readonly depth: number; readonly stamp: number } | undefined {
    for (let depth = this.#matched; depth > 0; depth--) {
      const stamp = this.#holders.stamp(this.#path[depth - 1]!, slot);
      if (stamp !== undefined) return { depth, stamp };
    }
    return undefined;
  }

  /** How much of the last match's first `depth` blocks is asked for lately; only its ratio to `traffic` means anything. */
  demand(depth: number): number {
    return this.#demand[this.#path[depth - 1]!]!;
  }

  /** How much the backends got lately, all together, in the unit of `demand`. */
  traffic(slots: Uint16Array): number {
    const { traffic } = this.#slots;
    let sum = 0;
    for (let at = 0; at < slots.length; at++) {
      const slot = slots[at]!;
      if (slot !== NO_SLOT) sum += traffic[slot]!;
    }
    return sum;
  }

  /** The backend gets the prompt of the last match: it holds all its blocks from now on. */
  insert(slot: number, stamp: number): void {
    const { low, high, count } = this.blocks;
    this.#unit *= GROWTH_PER_REQUEST;
    if (this.#unit > LARGEST_UNIT) this.#rescale();
    this.#slots.traffic[slot] = this.#slots.traffic[slot]! + this.#unit;
    // First what is there, lest it be evicted for what is not.
    for (let at = 0; at < this.#matched; at++) this.#touch(this.#path[at]!);
    for (let at = this.#matched; at < count; at++) this.#path[at] = this.#add(low[at]!, high[at]!);
    this.#matched = count;
    // From the end: of one prompt the last blocks go first, as in the engine.
    for (let at = count - 1; at >= 0; at--) {
      const entry = this.#path[at]!;
      this.#touch(entry);
      this.#demand[entry] = this.#demand[entry]! + this.#unit;
      if (!this.#holders.set(entry, slot, stamp)) this.#setAnyhow(entry, slot, stamp);
    }
  }

  /** Takes back what `insert` with this stamp added of `blocks` below `depth`: the engine never got to it. */
  withdraw(depth: number, slot: number, stamp: number): void {
    const { low, high, count } = this.blocks;
    for (let at = depth; at < count; at++) {
      const entry = this.#find(low[at]!, high[at]!);
      if (entry === NONE) return;
      if (this.#holders.stamp(entry, slot) === stamp) this.#holders.remove(entry, slot);
    }
  }

  #find(low: number, high: number): number {
    let entry = this.#buckets[high & (this.#buckets.length - 1)]!;
    while (entry !== NONE && (this.#low[entry] !== low || this.#high[entry] !== high)) entry = this.#chain[entry]!;
    return entry;
  }

  #add(low: number, high: number): number {
    if (this.#freeEntry === NONE && this.#usedEntries === this.#capacity) this.#evict();
    let entry = this.#freeEntry;
    if (entry !== NONE) this.#freeEntry = this.#chain[entry]!;
    else entry = this.#usedEntries++;
    const bucket = high & (this.#buckets.length - 1);
    this.#low[entry] = low;
    this.#high[entry] = high;
    this.#chain[entry] = this.#buckets[bucket]!;
    this.#buckets[bucket] = entry;
    this.#demand[entry] = 0;
    this.#linkNewest(entry);
    this.#size++;
    return entry;
  }

  #evict(): void {
    const entry = this.#oldest;
    this.#unlink(entry);
    const bucket = this.#high[entry]! & (this.#buckets.length - 1);
    let before = this.#buckets[bucket]!;
    if (before === entry) {
      this.#buckets[bucket] = this.#chain[entry]!;
    } else {
      while (this.#chain[before] !== entry) before = this.#chain[before]!;
      this.#chain[before] = this.#chain[entry]!;
    }
    this.#holders.clear(entry);
    this.#chain[entry] = this.#freeEntry;
    this.#freeEntry = entry;
    this.#size--;
  }

  /** No chunk is left: a few old entries go, and if none of them had one, the newcomer stands for all holders of its entry. */
  #setAnyhow(entry: number, slot: number, stamp: number): void {
    for (let tries = 0; tries < 16 && this.#size > this.blocks.count; tries++) {
      this.#evict();
      if (this.#holders.set(entry, slot, stamp)) return;
    }
    this.#holders.clear(entry);
    this.#holders.set(entry, slot, stamp);
  }

  #touch(entry: number): void {
    if (entry === this.#newest) return;
    this.#unlink(entry);
    this.#linkNewest(entry);
  }

  #unlink(entry: number): void {
    const older = this.#older[entry]!;
    const newer = this.#newer[entry]!;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  #linkNewest(entry: number): void {
    this.#older[entry] = this.#newest;
    this.#newer[entry] = NONE;
    if (this.#newest === NONE) this.#oldest = entry;
    else this.#newer[this.#newest] = entry;
    this.#newest = entry;
  }

  /** Once in 450,000 requests the unit starts again at 1. */
  #rescale(): void {
    for (let entry = 0; entry < this.#usedEntries; entry++) this.#demand[entry] = this.#demand[entry]! / this.#unit;
    const { traffic } = this.#slots;
    for (let slot = 0; slot < traffic.length; slot++) traffic[slot] = traffic[slot]! / this.#unit;
    this.#unit = 1;
  }

  #sweep(): void {
    for (let entry = this.#newest; entry !== NONE; entry = this.#older[entry]!) this.#holders.sweep(entry);
  }
}
