import type { ReplayResult } from './replay.ts';

/** ms after which a request counts as failed, as the router's timeouts would have it. */
export interface Patience {
  readonly firstByte: number;
  readonly total: number;
}

/** The defaults of the configuration. */
export const PATIENCE: Patience = { firstByte: 120_000, total: 900_000 };

export interface Quantiles {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** What a run came to. Times in ms. */
export interface Summary {
  readonly ttft: Quantiles;
  readonly endToEnd: Quantiles;
  /** Answered requests a second. */
  readonly throughput: number;
  /** Share of the prompt tokens that came from a cache, 0..1. */
  readonly hitRate: number;
  /** Share of the requests that ended within patience, 0..1. */
  readonly success: number;
  /** The busiest engine's average requests in flight ÷ the mean engine's. */
  readonly skew: number;
}

export function summarize({ outcomes, engines, span }: ReplayResult, patience: Patience = PATIENCE): Summary {
  let prompt = 0;
  let cached = 0;
  let succeeded = 0;
  const work = new Float64Array(engines.length);
  for (const { ttft, endToEnd, promptTokens, cachedTokens, engine } of outcomes) {
    prompt += promptTokens;
    cached += cachedTokens;
    if (ttft <= patience.firstByte && endToEnd <= patience.total) succeeded++;
    if (engine >= 0) work[engine] = work[engine]! + endToEnd;
  }
  const all = work.reduce((sum, value) => sum + value, 0);
  return {
    ttft: quantiles(Float64Array.from(outcomes, ({ ttft }) => ttft)),
    endToEnd: quantiles(Float64Array.from(outcomes, ({ endToEnd }) => endToEnd)),
    throughput: (1000 * outcomes.filter(({ endToEnd }) => !Number.isNaN(endToEnd)).length) / span,
    hitRate: cached / prompt,
    success: succeeded / outcomes.length,
    skew: (Math.max(...work) * work.length) / all,
  };
}

/** By nearest rank, without what never happened (NaN); of nothing, NaN. */
export function quantiles(values: Float64Array): Quantiles {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return { mean, p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

/** The mean of each figure, and of `success` the least: a gate on it holds for every seed. */
export function meanSummary(summaries: readonly Summary[]): Summary {
  const mean = (read: (summary: Summary) => number) =>
    summaries.reduce((sum, summary) => sum + read(summary), 0) / summaries.length;
  const means = (read: (summary: Summary) => Quantiles): Quantiles => ({
    mean: mean((summary) => read(summary).mean),
    p50: mean((summary) => read(summary).p50),
    p90: mean((summary) => read(summary).p90),
    p99: mean((summary) => read(summary).p99),
  });
  return {
    ttft: means(({ ttft }) => ttft),
    endToEnd: means(({ endToEnd }) => endToEnd),
    throughput: mean(({ throughput }) => throughput),
    hitRate: mean(({ hitRate }) => hitRate),
    success: Math.min(...summaries.map(({ success }) => success)),
    skew: mean(({ skew }) => skew),
  };
}
