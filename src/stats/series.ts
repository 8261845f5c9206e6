import { Histogram, INTER_TOKEN_BOUNDS, LATENCY_BOUNDS, TTFT_BOUNDS } from './histogram.ts';
import { SlidingQuantiles } from './sliding-quantiles.ts';
import { SlidingSums } from './sliding-window.ts';

/** `aborted`: the client left; neither a success nor the backend's fault. */
export type Outcome = 'success' | 'error' | 'aborted';
export const OUTCOMES: readonly Outcome[] = ['success', 'error', 'aborted'];

/** What the sliding window sums; the position is the field. */
export const SUMMED = {
  dispatched: 0,
  latency: 1,
  latencies: 2,
  ttft: 3,
  ttfts: 4,
  gap: 5,
  gaps: 6,
  decode: 7,
  decodes: 8,
} as const;
export const SUMMED_FIELDS = 9;

/** Everything counted of one model at one server. Plain numbers: Prometheus reads them when it asks. */
export class Series {
  readonly server: string;
  readonly model: string;
  window: SlidingSums;
  ttftQuantiles: SlidingQuantiles;
  readonly ttft = new Histogram(TTFT_BOUNDS);
  readonly gaps = new Histogram(INTER_TOKEN_BOUNDS);
  /** Made by the first attempt that ends so: most series never see all three. */
  readonly latency: { [outcome in Outcome]?: Histogram } = {};
  readonly failures = new Map<string, number>();
  attempts = 0;
  /** Awaiting their first token, and past it. */
  prefill = 0;
  decoding = 0;
  finished = 0;
  promptTokens = 0;
  completionTokens = 0;

  /** `window` in ms. */
  constructor(server: string, model: string, window: number) {
    this.server = server;
    this.model = model;
    this.window = new SlidingSums(window, SUMMED_FIELDS);
    this.ttftQuantiles = new SlidingQuantiles(window);
  }

  /** Starts empty windows of another length, ms. */
  slide(window: number): void {
    this.window = new SlidingSums(window, SUMMED_FIELDS);
    this.ttftQuantiles = new SlidingQuantiles(window);
  }

  /** An attempt is on its way there. `now`: monotonic ms, here and in the record. */
  dispatched(now: number): AttemptRecord {
    this.attempts++;
    this.prefill++;
    this.window.add(now, SUMMED.dispatched, 1);
    return new AttemptRecord(this, now);
  }
}

/**
 * One attempt's way through its series: prefill → decoding → ended, or from prefill to its end at once. Calls out of order
 * or after the end change nothing, so that in-flight figures come back to zero on every path.
 */
export class AttemptRecord {
  readonly #series: Series;
  readonly #dispatchedAt: number;
  #phase: 'prefill' | 'decoding' | 'ended' = 'prefill';
  #firstAt = 0;
  #lastAt = 0;

  constructor(series: Series, now: number) {
    this.#series = series;
    this.#dispatchedAt = now;
  }

  /** The first event of a stream. Not for a plain answer: its first byte is its last, and would drown the true figures. */
  firstToken(now: number): void {
    if (this.#phase !== 'prefill') return;
    const series = this.#series;
    const ttft = now - this.#dispatchedAt;
    this.#phase = 'decoding';
    this.#firstAt = now;
    this.#lastAt = now;
    series.prefill--;
    series.decoding++;
    series.ttft.observe(ttft / 1000);
    series.ttftQuantiles.add(now, ttft);
    series.window.add(now, SUMMED.ttft, ttft);
    series.window.add(now, SUMMED.ttfts, 1);
  }

  /** A further read of events arrived; one may hold several tokens, and what counts is how long the client waited for it. */
  token(now: number): void {
    if (this.#phase !== 'decoding') return;
    const gap = now - this.#lastAt;
    this.#lastAt = now;
    this.#series.gaps.observe(gap / 1000);
    this.#series.window.add(now, SUMMED.gap, gap);
    this.#series.window.add(now, SUMMED.gaps, 1);
  }

  /** The engine's `usage`, once. */
  usage(promptTokens: number, completionTokens: number): void {
    this.#series.promptTokens += promptTokens;
    this.#series.completionTokens += completionTokens;
  }

  /** The attempt ended. */
  finished(now: number, outcome: 'success' | 'aborted'): void {
    this.#end(now, outcome);
  }

  /** The attempt failed; `reason` is one of a closed set of codes, for it becomes a label. */
  failed(now: number, reason: string): void {
    if (this.#phase === 'ended') return;
    const { failures } = this.#series;
    failures.set(reason, (failures.get(reason) ?? 0) + 1);
    this.#end(now, 'error');
  }

  #end(now: number, outcome: Outcome): void {
    if (this.#phase === 'ended') return;
    const series = this.#series;
    if (this.#phase === 'prefill') {
      series.prefill--;
    } else {
      series.decoding--;
      // Of answers that came to their end only: a stream cut short says nothing of how long answers are.
      if (outcome === 'success') {
        series.window.add(now, SUMMED.decode, now - this.#firstAt);
        series.window.add(now, SUMMED.decodes, 1);
      }
    }
    this.#phase = 'ended';
    series.finished++;
    const latency = now - this.#dispatchedAt;
    series.latency[outcome] ??= new Histogram(LATENCY_BOUNDS);
    series.latency[outcome].observe(latency / 1000);
    if (outcome !== 'success') return;
    series.window.add(now, SUMMED.latency, latency);
    series.window.add(now, SUMMED.latencies, 1);
  }
}
