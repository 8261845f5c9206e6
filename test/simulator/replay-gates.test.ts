import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCell } from '../../bench/routing/cells.ts';
import { membership, newcomerShare } from '../../bench/routing/membership.ts';
import { mooncakeTraces } from '../../bench/routing/traces.ts';
import { DEFAULT_FLEET, type Load } from '../../src/simulator/replay/experiment.ts';
import { WORKLOADS, type Workload } from '../../src/simulator/replay/workloads.ts';

/** Cuts of the cells that `npm run bench:routing` measures whole; a run replays exactly, so these cannot flap. */
const { conversation, synthetic } = mooncakeTraces();
const named = (name: string) => WORKLOADS.find((workload) => workload.name === name)!;
const cut = (workload: Workload, rate: number): { name: string; load: Load } => ({
  name: workload.name,
  load: { workload, rate, requests: 2000 },
});

for (const cell of [
  cut(named('shared-prefixes'), 50),
  cut(named('one-prefix'), 60),
  cut(named('decode-bound'), 60),
  cut(named('zipf'), 40),
  cut(conversation, 2 * conversation.rate),
  cut(synthetic, 2 * synthetic.rate),
]) {
  test(`${cell.name}: no rival does better by more than a tenth, every request is answered`, () => {
    const { ttftRatio, endToEndRatio, ours, rivals } = runCell(DEFAULT_FLEET, cell, [1, 2]);
    assert.ok(ttftRatio <= 1.1 && endToEndRatio <= 1.1, `TTFT p90 ${ttftRatio}, end to end ${endToEndRatio}`);
    assert.equal(ours.success, 1);
    if (cell.name === 'shared-prefixes') assert.ok(ours.ttft.p90 < 0.5 * rivals.get('round-robin')!.ttft.p90);
    if (cell.name === 'one-prefix') assert.ok(ours.skew < 1.3);
  });
}

test('the hit rate is back within a tenth in one cache-fill time after an engine came or went', () => {
  for (const change of ['add', 'remove'] as const) {
    const { before, after } = membership(DEFAULT_FLEET, change, [1]);
    assert.ok(after >= 0.9 * before, `${change}: ${before} → ${after}`);
  }
});

test('an engine that joins overloaded ones takes its share', () => {
  const share = newcomerShare(DEFAULT_FLEET, [1]);
  assert.ok(share > 0.7 && share < 1.5, `${share}`);
});
