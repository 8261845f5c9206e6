/** Prompt tokens of one unit of the clock. */
const UNIT = 16;
/** Nothing is known to have been dropped yet. */
const UNKNOWN = 0xffffffff;
/** How far one surprise moves `reach`: its evidence is noisy, for running requests take memory from the cache. */
const LEARN = 0.1;
/**
 * Of an engine that tells nothing: after so many computed tokens a block is believed in by half. Caches hold some 100,000 to
 * some million tokens. A belief that fades is near the best for all of them (1.04, 1.04 and 1.08 × the TTFT p90 of knowing a
 * cache of 200,000, 430,000 and 800,000 tokens, in the worst of the traces' cells), a limit is good only where it is right:
 * 200,000 assumed of 800,000 makes 10 ×. Believing for ever made 1.27, 1.38 and 1.18.
 */
const HALF_BELIEF = 400_000 / UNIT;

export const AGE_BYTES = 4 + 4 + 4 + 4 + 1;

/**
 * Which of the blocks that a backend once held it still holds: engines drop what was used longest ago. Each backend has a
 * clock that runs by the prompt tokens it computes, since only these push others out; a block's stamp is its last use by
 * that clock, and a block is fresh up to a certain age. That age is learned from `usage`: a block expected and not found
 * is gone with all that was used no later (`lost`: so after an engine's restart its first answer says it all), and the
 * cache does not reach back further than that (`reach`). Without any of it the index went on believing in blocks long
 * gone: TTFT p90 of the Mooncake synthetic trace at 2 × speed was 37 % above llm-d's, with it 4 % below.
 *
 * Stamps are modulo 2^32 units, 69 billion tokens.
 */
export class CacheAge {
  readonly #clock: Uint32Array;
  readonly #reach: Uint32Array;
  readonly #lost: Uint32Array;
  readonly #fresh: Uint32Array;
  /** Some servers always say 0: nothing is gone for one that never found anything. */
  readonly #reports: Uint8Array;

  constructor(slots: number) {
    this.#clock = new Uint32Array(slots);
    this.#reach = new Uint32Array(slots);
    this.#lost = new Uint32Array(slots);
    this.#fresh = new Uint32Array(slots);
    this.#reports = new Uint8Array(slots);
  }

  /** The slot belongs to a new backend. */
  reset(slot: number): void {
    this.#clock[slot] = 1;
    this.#reach[slot] = UNKNOWN;
    this.#lost[slot] = 0;
    this.#fresh[slot] = UNKNOWN;
    this.#reports[slot] = 0;
  }

  /** The backend will compute so many tokens; the stamp of what it uses for that. */
  advance(slot: number, tokens: number): number {
    this.#clock[slot] = this.#clock[slot]! + Math.max(1, Math.ceil(tokens / UNIT));
    // 0 stands for "none" in `lost`.
    if (this.#clock[slot] === 0) this.#clock[slot] = 1;
    this.#renew(slot);
    return this.#clock[slot]!;
  }

  age(slot: number, stamp: number): number {
    return (this.#clock[slot]! - stamp) >>> 0;
  }

  isFresh(slot: number, stamp: number): boolean {
    return (this.#clock[slot]! - stamp) >>> 0 <= this.#fresh[slot]!;
  }

  /**
   * How likely a fresh block with that stamp is to be there, 0..1. Of engines that tell what they hold what is fresh is
   * taken for certain.
   */
  belief(slot: number, stamp: number): number {
    if (this.#reports[slot] === 1 || this.#reach[slot] !== UNKNOWN) return 1;
    const halves = this.age(slot, stamp) / HALF_BELIEF;
    return 1 / (1 + halves * halves);
  }

  /** The engine says how many tokens its cache has room for: a first bound, before anything was seen to be gone. */
  bound(slot: number, tokens: number): void {
    if (this.#reach[slot] !== UNKNOWN) return;
    this.#reach[slot] = Math.min(UNKNOWN - 1, Math.ceil(tokens / UNIT));
    this.#renew(slot);
  }

  /** A block last used at `stamp`, `age` before it was asked for, was there. */
  found(slot: number, stamp: number, age: number): void {
    this.#reports[slot] = 1;
    if (age <= this.#fresh[slot]!) return;
    const reach = this.#reach[slot]!;
    if (age > reach) this.#reach[slot] = reach + LEARN * (age - reach);
    if (this.#lost[slot] !== 0 && this.age(slot, stamp) >= this.age(slot, this.#lost[slot]!)) {
      this.#lost[slot] = stamp - 1;
    }
    this.#renew(slot);
  }

  /** It was taken for fresh and was not there. */
  missed(slot: number, stamp: number, age: number): void {
    if (this.#reports[slot] === 0 || !this.isFresh(slot, stamp)) return;
    const reach = this.#reach[slot]!;
    if (reach === UNKNOWN) this.#reach[slot] = Math.min(UNKNOWN - 1, 2 * age);
    else if (age < reach) this.#reach[slot] = reach + LEARN * (age - reach);
    this.#lost[slot] = stamp;
    this.#renew(slot);
  }

  #renew(slot: number): void {
    const lost = this.#lost[slot]!;
    const sinceLost = lost === 0 ? UNKNOWN : Math.max(0, this.age(slot, lost) - 1);
    this.#fresh[slot] = Math.min(this.#reach[slot]!, sinceLost);
  }
}
