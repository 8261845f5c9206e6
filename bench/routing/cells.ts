import { type Contender, contender } from '../../src/simulator/replay/contenders.ts';
import { type Fleet, type Load, runSeeds } from '../../src/simulator/replay/experiment.ts';
import type { Summary } from '../../src/simulator/replay/summary.ts';
import { WORKLOADS, type Workload } from '../../src/simulator/replay/workloads.ts';

export const OURS = 'prefix-aware';
export const RIVALS = ['round-robin', 'least-load', 'session', 'smg-cache-aware', 'llm-d-sticky'] as const;
/** Each of TTFT p90 and mean end-to-end may be so many times the best rival's. */
export const CELL_GATE = 1.05;

/** A row of the table. */
export interface Cell {
  readonly name: string;
  readonly load: Load;
}

export interface CellResult {
  readonly cell: Cell;
  readonly ours: Summary;
  readonly rivals: ReadonlyMap<string, Summary>;
  /** Ours ÷ the best rival's. */
  readonly ttftRatio: number;
  readonly endToEndRatio: number;
}

export function tableCells(traces: { conversation: Workload; synthetic: Workload }): Cell[] {
  const synthetic = WORKLOADS.map((workload) => cell(workload, workload.rate, `${workload.rate} requests/s`));
  const replayed = [traces.conversation, traces.synthetic].flatMap((workload) =>
    [1, 2, 3].map((speed) => cell(workload, speed * workload.rate, `${speed} × speed`)),
  );
  return [...synthetic, ...replayed];
}

function cell(workload: Workload, rate: number, detail: string): Cell {
  return { name: `${workload.name}, ${detail}`, load: { workload, rate, requests: workload.requests } };
}

export function named(name: string): Contender {
  const found = contender(name);
  if (found === undefined) throw new Error(`no contender ${name}`);
  return found;
}

export function runCell(fleet: Fleet, cell: Cell, seeds: readonly number[]): CellResult {
  const ours = runSeeds(fleet, cell.load, named(OURS), seeds);
  const rivals = new Map(RIVALS.map((name) => [name, runSeeds(fleet, cell.load, named(name), seeds)] as const));
  const best = (read: (summary: Summary) => number) => Math.min(...[...rivals.values()].map(read));
  return {
    cell,
    ours,
    rivals,
    ttftRatio: ours.ttft.p90 / best(({ ttft }) => ttft.p90),
    endToEndRatio: ours.endToEnd.mean / best(({ endToEnd }) => endToEnd.mean),
  };
}
