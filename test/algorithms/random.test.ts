import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PowerOfTwo } from '../../src/algorithms/power-of-two.ts';
import { RandomChoice } from '../../src/algorithms/random.ts';
import { fleet, seeded, tally } from './fleet.ts';

test('random: shares follow the weights', () => {
  const algorithm = new RandomChoice(seeded(7));
  const candidates = fleet(1, 2, 0.5);
  const counts = tally(Array.from({ length: 35_000 }, () => algorithm.pick(candidates)!));
  for (const { id, weight } of candidates) {
    const expected = (35_000 * weight) / 3.5;
    assert.ok(Math.abs(counts.get(id)! - expected) < expected * 0.05, `${id}: ${counts.get(id)} of ${expected}`);
  }
});

test('random: every draw lands on a candidate, whatever rounding leaves over', () => {
  const weights = fc.array(fc.double({ min: 0.001, max: 1000, noNaN: true }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(weights, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (all, draw) => {
      const candidates = fleet(...all);
      assert.ok(candidates.includes(new RandomChoice(() => draw).pick(candidates) as never));
    }),
  );
});

test('power-of-two: draws two distinct ones and takes the lighter', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { minLength: 2, maxLength: 12 }), fc.nat(), (loads, seed) => {
      const candidates = fleet(...loads.map(() => 1));
      for (const [index, inflight] of loads.entries()) candidates[index]!.load.inflight = inflight;
      const heaviest = Math.max(...loads);
      const picked = new PowerOfTwo(seeded(seed)).pick(candidates)!;
      // The single heaviest can only win against itself, which is never drawn twice.
      if (loads.filter((load) => load === heaviest).length === 1) assert.notEqual(picked.load.inflight, heaviest);
    }),
  );
});

test('power-of-two: every pair can be drawn', () => {
  const candidates = fleet(1, 1, 1);
  const algorithm = new PowerOfTwo(seeded(3));
  candidates[0]!.load.inflight = 1;
  candidates[1]!.load.inflight = 2;
  candidates[2]!.load.inflight = 3;
  const counts = tally(Array.from({ length: 3000 }, () => algorithm.pick(candidates)!));
  assert.ok(Math.abs(counts.get('b0000')! - 2000) < 150);
  assert.ok(Math.abs(counts.get('b0001')! - 1000) < 150);
  assert.equal(counts.get('b0002'), undefined);
});

test('power-of-two: load counts per weight, and ties go to the less used', () => {
  const candidates = fleet(1, 4);
  const algorithm = new PowerOfTwo(seeded(1));
  candidates[0]!.load.inflight = 1;
  candidates[1]!.load.inflight = 4;
  assert.equal(algorithm.pick(candidates), candidates[1]);
  const equal = fleet(1, 1);
  equal[0]!.load.processed = 5;
  assert.equal(algorithm.pick(equal), equal[1]);
  equal[1]!.load.processed = 5;
  assert.equal(algorithm.pick(equal), equal[0]);
});

test('power-of-two: one candidate is enough, none gives none', () => {
  const algorithm = new PowerOfTwo(seeded(1));
  const alone = fleet(1);
  assert.equal(algorithm.pick(alone), alone[0]);
  assert.equal(algorithm.pick([]), undefined);
});
