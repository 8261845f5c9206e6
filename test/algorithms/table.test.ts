import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALGORITHMS, createAlgorithm } from '../../src/algorithms/table.ts';
import type { AlgorithmConfig } from '../../src/config/config.ts';
import { fleet, request, seeded } from './fleet.ts';

const context = { random: seeded(1), now: () => 0 };
const roundRobin: AlgorithmConfig = { type: 'round-robin' };

const CONFIGS: Readonly<Record<string, AlgorithmConfig>> = {
  'round-robin': roundRobin,
  random: { type: 'random' },
  'power-of-two': { type: 'power-of-two' },
  'least-load': { type: 'least-load' },
  session: { type: 'session', header: 'x-session', bounded: 0, otherwise: roundRobin },
  'prefix-aware': { type: 'prefix-aware', indexSize: 1 << 20, otherwise: roundRobin },
  'disaggregated-prefill': {
    type: 'disaggregated-prefill',
    form: 'max-tokens',
    prefill: { where: {}, algorithm: roundRobin },
    decode: { where: {}, algorithm: { type: 'least-load' } },
  },
};

for (const [type, config] of Object.entries(CONFIGS)) {
  test(`${type}: picks a candidate, ranks retries over all of them, and picks nobody from nobody`, () => {
    const algorithm = createAlgorithm(config, context);
    const candidates = fleet(1, 2, 1);
    for (const asked of [request(), request({ headers: { 'x-session': 'a' } })]) {
      let left = candidates;
      while (left.length > 0) {
        const picked = algorithm.pick(left, asked, candidates);
        assert.ok(left.includes(picked as never));
        left = left.filter((one) => one !== picked);
      }
      assert.equal(algorithm.pick([], asked), undefined);
    }
    algorithm.observe?.({ type: 'removed', id: 'b0000' });
  });
}

test('every type of the table is in this test', () => {
  assert.deepEqual([...ALGORITHMS].sort(), Object.keys(CONFIGS).sort());
});

test('a session may fall back to another session, and so on', () => {
  const inner: AlgorithmConfig = { type: 'session', cookie: 'sid', bounded: 0, otherwise: roundRobin };
  const algorithm = createAlgorithm({ type: 'session', header: 'x-user', bounded: 0, otherwise: inner }, context);
  const candidates = fleet(1, 1, 1, 1);
  const byHeader = algorithm.pick(candidates, request({ headers: { 'x-user': 'zoe' } }));
  const byCookie = algorithm.pick(candidates, request({ headers: { cookie: 'sid=zoe' } }));
  assert.equal(byHeader, byCookie);
});
