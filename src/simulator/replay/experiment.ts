import type { Contender } from './contenders.ts';
import { DEFAULT_ENGINE, type EngineModel } from './engine.ts';
import { type FleetChange, type ReplayResult, replay } from './replay.ts';
import { meanSummary, type Patience, type Summary, summarize } from './summary.ts';
import type { Workload } from './workloads.ts';

/** The fleet that contenders are compared on. */
export interface Fleet {
  readonly engines: number;
  readonly model: EngineModel;
  /** ms; 0 = never. */
  readonly scrapeInterval: number;
  readonly usage: boolean;
  readonly cacheInfo: boolean;
  readonly streamed: boolean;
}

/** Eight engines that report `usage`, scraped as often as the router does unless told otherwise. */
export const DEFAULT_FLEET: Fleet = {
  engines: 8,
  model: DEFAULT_ENGINE,
  scrapeInterval: 30_000,
  usage: true,
  cacheInfo: false,
  streamed: true,
};

/** One run's load: `rate` in requests a second. */
export interface Load {
  readonly workload: Workload;
  readonly rate: number;
  readonly requests: number;
  readonly changes?: readonly FleetChange[];
}

export function runOnce(fleet: Fleet, load: Load, contender: Contender, seed: number): ReplayResult {
  const { workload, rate, requests, changes = [] } = load;
  const { blockTokens } = workload;
  const { model } = fleet;
  return replay(workload.arrivals(seed, rate, requests), (now) => contender.make({ seed, now, blockTokens, model }), {
    ...fleet,
    blockTokens,
    changes,
  });
}

/** The means over the seeds; `ran` is told after each run. */
export function runSeeds(
  fleet: Fleet,
  load: Load,
  contender: Contender,
  seeds: readonly number[],
  options: { readonly patience?: Patience; readonly ran?: () => void } = {},
): Summary {
  return meanSummary(
    seeds.map((seed) => {
      const summary = summarize(runOnce(fleet, load, contender, seed), options.patience);
      options.ran?.();
      return summary;
    }),
  );
}

/**
 * The knee: the highest rate, to within 2 %, at which `ttft` (p90, ms) keeps to the objective; 0 when not even `low` does,
 * and `high` when that still does.
 */
export function findKnee(ttft: (rate: number) => number, objective: number, low: number, high: number): number {
  if (ttft(low) > objective) return 0;
  if (ttft(high) <= objective) return high;
  let good = low;
  let bad = high;
  while (bad / good > 1.02) {
    const middle = Math.sqrt(good * bad);
    if (ttft(middle) <= objective) good = middle;
    else bad = middle;
  }
  return good;
}
