import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAlgorithm } from '../../src/algorithms/table.ts';
import type { AlgorithmConfig } from '../../src/config/config.ts';
import { fleet, request, seeded } from './fleet.ts';

const context = { random: seeded(1), now: () => 0 };
const leastLoad: AlgorithmConfig = { type: 'least-load' };
const PREDICTABLE: readonly AlgorithmConfig[] = [
  { type: 'round-robin' },
  leastLoad,
  { type: 'session', header: 'x-session', bounded: 1.25, otherwise: leastLoad },
  { type: 'prefix-aware', indexSize: 1 << 20, otherwise: leastLoad },
];

function prompted(text: string, headers = {}) {
  const body = Buffer.from(text);
  return request({ headers, body, promptRange: () => [0, body.length] });
}

for (const config of PREDICTABLE) {
  test(`${config.type}: the least score is its choice, and telling changes nothing`, () => {
    const [told, untold] = [createAlgorithm(config, context), createAlgorithm(config, context)];
    const candidates = fleet(1, 2, 1, 3);
    for (const [index, { load }] of candidates.entries()) load.inflight = [3, 0, 5, 1][index]!;
    for (let count = 0; count < 20; count++) {
      const asked = prompted(`${count % 3} `.repeat(2_000), count % 2 === 0 ? { 'x-session': `s${count}` } : {});
      const opinions = told.explain!(candidates, asked);
      assert.equal(opinions.length, candidates.length);
      const scores = opinions.map(({ score }) => score!);
      const picked = told.pick(candidates, asked)!;
      // Its second rule makes new holders of what many ask for.
      if (config.type !== 'prefix-aware') {
        assert.equal(scores[candidates.indexOf(picked as never)], Math.min(...scores));
      }
      assert.equal(untold.pick(candidates, asked), picked);
      for (const algorithm of [told, untold]) {
        algorithm.observe?.({ type: 'dispatched', request: asked, candidate: picked });
      }
    }
  });
}

test('prefix-aware tells the share of the prompt that it believes cached', () => {
  const algorithm = createAlgorithm(PREDICTABLE[3]!, context);
  const candidates = fleet(1, 1);
  const first = prompted('a'.repeat(4_096));
  const candidate = algorithm.pick(candidates, first)!;
  algorithm.observe!({ type: 'dispatched', request: first, candidate });
  const shares = algorithm.explain!(candidates, prompted(`${'a'.repeat(4_096)}${'b'.repeat(4_096)}`));
  assert.deepEqual(
    shares.map(({ matched }) => matched),
    candidates.map((one) => (one === candidate ? 0.5 : 0)),
  );
  assert.deepEqual(
    algorithm.explain!(candidates, request()).map(({ matched }) => matched),
    [undefined, undefined],
  );
});

test('what goes by chance has nothing to tell but the queues it compares', () => {
  assert.equal(createAlgorithm({ type: 'random' }, context).explain, undefined);
  const candidates = fleet(1, 2);
  candidates[1]!.load.inflight = 4;
  const opinions = createAlgorithm({ type: 'power-of-two' }, context).explain!(candidates, request());
  assert.deepEqual(opinions, [{ score: 1 }, { score: 2.5 }]);
});
