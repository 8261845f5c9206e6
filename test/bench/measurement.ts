import type { ContestantName } from '../../bench/contestants/contestant.ts';
import type { Measurement } from '../../bench/measure.ts';
import type { ScenarioName } from '../../bench/scenarios.ts';

const quantiles = { count: 1, p50: 1, p90: 2, p99: 3, max: 4 };

/** A measurement with the figures a test names. */
export function measurement(
  contestant: ContestantName,
  scenario: ScenarioName,
  round: number,
  cpuPerUnit: number | null,
  more: { loaded?: number; errors?: number } = {},
): Measurement {
  const { loaded = 0, errors = 0 } = more;
  return {
    contestant,
    scenario,
    round,
    cpuPerUnit,
    busy: cpuPerUnit === null ? null : 0.5,
    others: 0,
    window: { begin: 0, end: 2_000_000 },
    rss: cpuPerUnit === null ? null : { idle: 0, loaded },
    load: {
      seconds: 2,
      requests: 1000,
      requestsPerSecond: 500,
      chunks: 4000,
      errors,
      errorKinds: errors ? { reset: errors } : {},
      errorSamples: errors ? ['read: connection reset'] : null,
      aborted: 0,
      slow: 0,
      unanswered: 0,
      latencyMs: quantiles,
      ttftMs: quantiles,
      chunkDelayMs: quantiles,
      interTokenMs: quantiles,
      silenceMs: quantiles,
      pauseMs: quantiles,
    },
  };
}
