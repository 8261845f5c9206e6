import type { Contender } from './contenders.ts';
import { type Fleet, findKnee, runSeeds } from './experiment.ts';
import type { Patience, Summary } from './summary.ts';
import type { Workload } from './workloads.ts';

/** What is to be compared. */
export interface StudyPlan {
  readonly fleet: Fleet;
  readonly workload: Workload;
  readonly requests: number;
  /** Requests a second, ascending. */
  readonly rates: readonly number[];
  readonly contenders: readonly Contender[];
  readonly seeds: readonly number[];
  /** ms, for the TTFT p90. */
  readonly objective: number;
  readonly patience: Patience;
}

/** How one contender did. */
export interface StudyLine {
  readonly contender: string;
  /** By position of the rate. */
  readonly summaries: readonly Summary[];
  readonly knee: Knee;
}

/**
 * The highest rate whose TTFT p90 keeps to the objective. `bound` says that the rates asked for do not enclose it: then it
 * is at most their lowest, or at least their highest.
 */
export interface Knee {
  readonly rate: number;
  readonly bound: 'exact' | 'below' | 'above';
}

export interface Study {
  readonly plan: StudyPlan;
  readonly lines: readonly StudyLine[];
}

/** Runs the plan. `progress` is told the share done, 0..1, and awaited, so that it can let a terminal breathe. */
export async function runStudy(plan: StudyPlan, progress: (share: number) => Promise<void>): Promise<Study> {
  const { fleet, workload, requests, contenders, seeds, patience } = plan;
  const rates = plan.rates.toSorted((a, b) => a - b);
  const steps = contenders.length * (rates.length + 1);
  let done = 0;
  const lines: StudyLine[] = [];
  for (const contender of contenders) {
    const run = (rate: number) => runSeeds(fleet, { workload, rate, requests }, contender, seeds, { patience });
    const summaries: Summary[] = [];
    for (const rate of rates) {
      summaries.push(run(rate));
      await progress(++done / steps);
    }
    const knee = kneeOf(rates, summaries, (rate) => run(rate).ttft.p90, plan.objective);
    lines.push({ contender: contender.name, summaries, knee });
    await progress(++done / steps);
  }
  return { plan: { ...plan, rates }, lines };
}

function kneeOf(
  rates: readonly number[],
  summaries: readonly Summary[],
  ttft: (rate: number) => number,
  objective: number,
): Knee {
  const within = summaries.findLastIndex((summary) => summary.ttft.p90 <= objective);
  if (within < 0) return { rate: rates[0]!, bound: 'below' };
  if (within === rates.length - 1) return { rate: rates.at(-1)!, bound: 'above' };
  const known = new Map(rates.map((rate, at) => [rate, summaries[at]!.ttft.p90]));
  const rate = findKnee((at) => known.get(at) ?? ttft(at), objective, rates[within]!, rates[within + 1]!);
  return { rate, bound: 'exact' };
}
