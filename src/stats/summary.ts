import { type Series, SUMMED, SUMMED_FIELDS } from './series.ts';
import { emptyBuckets, quantile } from './sliding-quantiles.ts';

/** What people ask of a backend, over the sliding window; durations in ms, undefined where nothing was measured in it. */
export interface Summary {
  /** Attempts per second. */
  readonly qps: number;
  readonly ttft:
    | { readonly mean: number; readonly p50: number; readonly p90: number; readonly p99: number }
    | undefined;
  readonly interToken: number | undefined;
  readonly latency: number | undefined;
  /** First token to last. */
  readonly decode: number | undefined;
  readonly prefill: number;
  readonly decoding: number;
  /** Ended in whatever way, since the start. */
  readonly finished: number;
}

/** Adds up `series`; `age` is how long they could have counted, ms: a router that just started has no full window yet. */
export function summarize(series: Iterable<Series>, now: number, age: number): Summary {
  const sum = new SummarySum();
  for (const one of series) sum.add(one, now);
  return sum.summary(age);
}

/** The same in steps, for fleets whose series are too many for one piece of work. */
export class SummarySum {
  readonly #sums = new Float64Array(SUMMED_FIELDS);
  readonly #ttfts = emptyBuckets();
  #covered = Number.POSITIVE_INFINITY;
  #prefill = 0;
  #decoding = 0;
  #finished = 0;

  /** `now`: monotonic ms. */
  add(series: Series, now: number): void {
    series.window.addTo(now, this.#sums);
    series.ttftQuantiles.addTo(now, this.#ttfts);
    this.#covered = series.window.covered(now);
    this.#prefill += series.prefill;
    this.#decoding += series.decoding;
    this.#finished += series.finished;
  }

  summary(age: number): Summary {
    const sums = this.#sums;
    const seconds = Math.max(1000, Math.min(this.#covered, age)) / 1000;
    return {
      qps: sums[SUMMED.dispatched]! / seconds,
      ttft: ttftOf(sums, this.#ttfts),
      interToken: mean(sums, SUMMED.gap, SUMMED.gaps),
      latency: mean(sums, SUMMED.latency, SUMMED.latencies),
      decode: mean(sums, SUMMED.decode, SUMMED.decodes),
      prefill: this.#prefill,
      decoding: this.#decoding,
      finished: this.#finished,
    };
  }
}

function ttftOf(sums: Float64Array, buckets: Float64Array): Summary['ttft'] {
  const average = mean(sums, SUMMED.ttft, SUMMED.ttfts);
  const p50 = quantile(buckets, 0.5);
  if (average === undefined || p50 === undefined) return undefined;
  return { mean: average, p50, p90: quantile(buckets, 0.9)!, p99: quantile(buckets, 0.99)! };
}

function mean(sums: Float64Array, total: number, count: number): number | undefined {
  return sums[count] === 0 ? undefined : sums[total]! / sums[count]!;
}
