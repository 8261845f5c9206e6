const SLICES = 60;

/**
 * Sums over the last `window` ms, kept in slices of a sixtieth: an event costs one addition and a read sixty, whatever the
 * traffic. It covers the current slice and the 59 before it, so at most one slice less than the window.
 */
export class SlidingSums {
  readonly #fields: number;
  readonly #sliceMs: number;
  readonly #sums: Float64Array;
  #slice = 0;
  /** When the current slice ends, and where its fields begin in `#sums`. */
  #end = 0;
  #at = 0;

  constructor(window: number, fields: number) {
    this.#fields = fields;
    this.#sliceMs = window / SLICES;
    this.#sums = new Float64Array(SLICES * fields);
  }

  /** `now` is monotonic ms, here and below. */
  add(now: number, field: number, value: number): void {
    if (now >= this.#end) this.#turn(now);
    this.#sums[this.#at + field]! += value;
  }

  /** Each field summed over the window, added to `into`. */
  addTo(now: number, into: Float64Array): void {
    if (now >= this.#end) this.#turn(now);
    const sums = this.#sums;
    for (let at = 0; at < sums.length; at += this.#fields) {
      for (let field = 0; field < this.#fields; field++) into[field]! += sums[at + field]!;
    }
  }

  /** ms that the sums cover at `now`, had they been kept for ever. */
  covered(now: number): number {
    return (SLICES - 1) * this.#sliceMs + (now % this.#sliceMs);
  }

  #turn(now: number): void {
    const slice = Math.floor(now / this.#sliceMs);
    const passed = Math.min(SLICES, slice - this.#slice);
    for (let back = 0; back < passed; back++) {
      const at = ((slice - back) % SLICES) * this.#fields;
      this.#sums.fill(0, at, at + this.#fields);
    }
    this.#slice = slice;
    this.#end = (slice + 1) * this.#sliceMs;
    this.#at = (slice % SLICES) * this.#fields;
  }
}
