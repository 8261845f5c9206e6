import type { ContestantName } from './contestants/contestant.ts';
import type { Measurement } from './measure.ts';
import { type ScenarioName, scenarios } from './scenarios.ts';
import { cpuRatio, median, numbers, rssPerStream, select } from './statistics.ts';

/** What the router must reach, as ratios of CPU within one interleaved run. */
const overNginx: readonly { scenario: ScenarioName; must: number; stretch: number }[] = [
  { scenario: 'a', must: 2.5, stretch: 2.0 },
  { scenario: 'b', must: 2.5, stretch: 1.5 },
  { scenario: 'c', must: 1.5, stretch: 1.2 },
];
/** KiB of resident memory for each of 1,000 streams. */
const memoryPerStream = { must: 64, stretch: 32 };

export interface Verdict {
  readonly bar: string;
  readonly value: string;
  readonly result: 'stretch' | 'pass' | 'FAIL' | 'not measured';
}

/** What choosing by prefix may cost, as ratios of CPU per request. */
const routing: readonly { scenario: ScenarioName; of: ContestantName; over: ContestantName; must: number }[] = [
  { scenario: 'a', of: 'prefix-aware-8', over: 'round-robin-8', must: 1.3 },
  { scenario: 'b', of: 'prefix-aware-8', over: 'round-robin-8', must: 1.5 },
  { scenario: 'a', of: 'prefix-aware-1000', over: 'prefix-aware-8', must: 2 },
  { scenario: 'b', of: 'prefix-aware-1000', over: 'prefix-aware-8', must: 2 },
];

/** Compares what algorithms cost with the bars. */
export function judgeRouting(all: readonly Measurement[]): Verdict[] {
  return routing.map(({ scenario, of, over, must }) => {
    const ratio = cpuRatio(all, scenario, of, over);
    return {
      bar: `(${scenario}) CPU per request, ${scenarios[scenario].title}, ${of} over ${over} ≤ ${must}`,
      value: ratio?.toFixed(2) ?? '–',
      result: ratio === undefined ? 'not measured' : ratio <= must ? 'pass' : 'FAIL',
    };
  });
}

/** Compares ours with the bars; what was not measured in this run is said so and fails nothing. */
export function judge(all: readonly Measurement[]): Verdict[] {
  const verdicts: Verdict[] = [];
  const limit = (bar: string, value: number | undefined, must: number, stretch: number, digits: number) =>
    verdicts.push({
      bar: `${bar} ≤ ${must} (stretch ${stretch})`,
      value: value?.toFixed(digits) ?? '–',
      result: value === undefined ? 'not measured' : value <= stretch ? 'stretch' : value <= must ? 'pass' : 'FAIL',
    });
  for (const { scenario, must, stretch } of overNginx) {
    const { unit, title } = scenarios[scenario];
    limit(
      `(${scenario}) CPU per ${unit}, ${title}, over nginx`,
      cpuRatio(all, scenario, 'ours', 'nginx'),
      must,
      stretch,
      2,
    );
  }
  for (const { scenario } of overNginx) {
    const ratio = cpuRatio(all, scenario, 'ours', 'rust-router');
    verdicts.push({
      bar: `(${scenario}) CPU per ${scenarios[scenario].unit} over vLLM's Rust router < 1`,
      value: ratio?.toFixed(2) ?? '–',
      result: ratio === undefined ? 'not measured' : ratio < 1 ? 'pass' : 'FAIL',
    });
  }
  const streams = scenarios.d.streams;
  const memory = numbers(select(all, 'd', 'ours'), (m) => rssPerStream(m, streams));
  limit(
    `(d) KiB of memory per stream, ${streams} streams`,
    memory.length ? median(memory) : undefined,
    memoryPerStream.must,
    memoryPerStream.stretch,
    0,
  );
  const own = all.filter((m) => m.contestant === 'ours');
  const errors = own.reduce((sum, m) => sum + m.load.errors, 0);
  verdicts.push({
    bar: 'errors in any scenario = 0',
    value: own.length ? `${errors}` : '–',
    result: own.length === 0 ? 'not measured' : errors === 0 ? 'pass' : 'FAIL',
  });
  return verdicts;
}
