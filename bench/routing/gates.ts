import { CELL_GATE, type CellResult, OURS } from './cells.ts';
import type { Findings, Gate } from './markdown.ts';
import { percent } from './markdown.ts';

/** The gates of `docs/algorithms.md`, from what was measured. */
export function gates(findings: Omit<Findings, 'gates'>): Gate[] {
  const { cells, knees, membership, costs } = findings;
  const cell = (prefix: string) => cells.find((result) => result.cell.name.startsWith(prefix))!;
  const shared = knees.find(({ workload }) => workload === 'shared-prefixes')!.knees;
  const knee = shared.get(OURS)! / shared.get('round-robin')!;
  const decode = cell('decode-bound');
  const decodeRatio = decode.ours.endToEnd.mean / decode.rivals.get('least-load')!.endToEnd.mean;
  const one = cell('one-prefix');
  const oneRatio = one.ours.ttft.p90 / one.rivals.get('round-robin')!.ttft.p90;
  const worst = cells.map(worstRatio).reduce((a, b) => (a.ratio > b.ratio ? a : b));
  const success = Math.min(...cells.map(({ ours }) => ours.success));
  const successAtSpeed = cells.filter(({ ours }) => ours.success < 0.999).map(({ cell: { name } }) => name);
  return [
    {
      name: 'shared prefixes: knee ÷ round-robin’s',
      gate: '≥ 2',
      value: knee.toFixed(2),
      passed: knee >= 2,
    },
    {
      name: 'decode-bound: mean end-to-end ÷ least-load’s',
      gate: '≤ 1.05',
      value: decodeRatio.toFixed(3),
      passed: decodeRatio <= 1.05,
    },
    {
      name: 'one prefix: TTFT p90 ÷ round-robin’s',
      gate: 'never worse: ≤ 1.00, to the resolution of two digits',
      value: oneRatio.toFixed(3),
      passed: oneRatio < 1.005,
    },
    {
      name: 'one prefix: max ÷ mean engine load',
      gate: '≤ 1.3',
      value: one.ours.skew.toFixed(2),
      passed: one.ours.skew <= 1.3,
    },
    {
      name: 'every cell: TTFT p90 and mean end-to-end ÷ the best rival’s',
      gate: `each ≤ ${CELL_GATE}`,
      value: `worst ${worst.ratio.toFixed(3)} (${worst.name})`,
      passed: worst.ratio <= CELL_GATE,
    },
    ...membership.map(({ change, before, after }) => ({
      name: `an engine ${change === 'add' ? 'added' : 'removed'}: hit rate after one cache-fill time ÷ before`,
      gate: '≥ 0.9',
      value: (after / before).toFixed(3),
      passed: after / before >= 0.9,
    })),
    {
      name: 'an engine that joins two overloaded ones: its requests ÷ an equal share (a gate of our own)',
      gate: '≥ 0.7',
      value: findings.newcomer.toFixed(2),
      passed: findings.newcomer >= 0.7,
    },
    {
      name: 'success rate in every cell',
      gate: '≥ 99.9 %',
      value: `${percent(success)}${successAtSpeed.length > 0 ? ` (${successAtSpeed.join('; ')})` : ''}`,
      passed: success >= 0.999,
    },
    {
      name: 'simulator: 10,000 requests × 8 engines',
      gate: '< 10 s',
      value: `${findings.simulation.toFixed(2)} s`,
      passed: findings.simulation < 10,
    },
    ...costs
      .filter(({ test }) => test.gate !== undefined)
      .map(({ test, microseconds }) => ({
        name: `one decision: ${test.backends} engines, ${test.name}`,
        gate: `< ${test.gate} µs`,
        value: `${microseconds.toFixed(1)} µs`,
        passed: microseconds < test.gate!,
      })),
  ];
}

function worstRatio({ cell, ttftRatio, endToEndRatio }: CellResult): { name: string; ratio: number } {
  return { name: cell.name, ratio: Math.max(ttftRatio, endToEndRatio) };
}
