const SLICES = 12;
const BUCKETS = 64;
/** Buckets grow by a quarter from 1 ms: 64 of them reach 25 minutes, and a quantile is at most 12 % off. */
const GROWTH = 1.25;
const LOG_GROWTH = Math.log(GROWTH);

/** Quantiles of the durations of the last `window` ms, in 12 slices of logarithmic buckets; 3 KB from the first one on. */
export class SlidingQuantiles {
  readonly #sliceMs: number;
  #counts: Uint32Array | undefined;
  #slice = 0;

  constructor(window: number) {
    this.#sliceMs = window / SLICES;
  }

  /** `now` and `duration` in ms. */
  add(now: number, duration: number): void {
    const counts = this.#turn(now);
    counts[(this.#slice % SLICES) * BUCKETS + bucketOf(duration)]!++;
  }

  /** Adds the counts per bucket to `into`, which `quantile` reads; of several of them for a sum. */
  addTo(now: number, into: Float64Array): void {
    if (this.#counts === undefined) return;
    const counts = this.#turn(now);
    for (let at = 0; at < counts.length; at += BUCKETS) {
      for (let bucket = 0; bucket < BUCKETS; bucket++) into[bucket]! += counts[at + bucket]!;
    }
  }

  #turn(now: number): Uint32Array {
    this.#counts ??= new Uint32Array(SLICES * BUCKETS);
    const slice = Math.floor(now / this.#sliceMs);
    const passed = Math.min(SLICES, slice - this.#slice);
    for (let back = 0; back < passed; back++) {
      const at = ((slice - back) % SLICES) * BUCKETS;
      this.#counts.fill(0, at, at + BUCKETS);
    }
    if (slice > this.#slice) this.#slice = slice;
    return this.#counts;
  }
}

/** An empty array for `addTo`. */
export function emptyBuckets(): Float64Array {
  return new Float64Array(BUCKETS);
}

/** ms below which `share` (0..1) of the counted durations lie; undefined when there are none. */
export function quantile(buckets: Float64Array, share: number): number | undefined {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let left = share * total;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const count = buckets[bucket]!;
    if (count > 0 && left <= count) return GROWTH ** (bucket - 1 + left / count);
    left -= count;
  }
  return GROWTH ** (BUCKETS - 1);
}

/** Bucket n holds (GROWTH^(n-1), GROWTH^n] ms; the first one everything below. */
function bucketOf(duration: number): number {
  if (!(duration > 1)) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log(duration) / LOG_GROWTH));
}
