import type { ContestantName } from './contestants/contestant.ts';
import type { Measurement } from './measure.ts';
import type { ScenarioName } from './scenarios.ts';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** undefined without values. */
export function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { min: Math.min(...values), median: median(values), max: Math.max(...values) };
}

/** The measurements of one contestant in one scenario, one a round. */
export function select(all: readonly Measurement[], scenario: ScenarioName, contestant: ContestantName): Measurement[] {
  return all.filter((m) => m.scenario === scenario && m.contestant === contestant);
}

/** The numbers a function finds in measurements, null left out. */
export function numbers(of: readonly Measurement[], value: (m: Measurement) => number | null): number[] {
  return of.map(value).filter((n) => n !== null);
}

/**
 * CPU per unit of one contestant over that of another: the ratio within each round, and the median of those. The
 * machine's speed changes from minute to minute, so figures of different rounds are never divided by each other.
 */
export function cpuRatio(
  all: readonly Measurement[],
  scenario: ScenarioName,
  of: ContestantName,
  over: ContestantName,
): number | undefined {
  const ratios: number[] = [];
  for (const m of select(all, scenario, of)) {
    const other = select(all, scenario, over).find((o) => o.round === m.round);
    if (m.cpuPerUnit !== null && other?.cpuPerUnit) ratios.push(m.cpuPerUnit / other.cpuPerUnit);
  }
  return ratios.length === 0 ? undefined : median(ratios);
}

/** Resident memory that each open stream adds, KiB; null where there is no proxy or no stream. */
export function rssPerStream(m: Measurement, streams: number): number | null {
  return m.rss === null || streams === 0 ? null : (m.rss.loaded - m.rss.idle) / 1024 / streams;
}
