import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLessUsed } from '../../src/algorithms/lighter.ts';
import { CandidateSet, choose, Field, WEIGHTS } from '../../src/algorithms/prefix-aware/policy.ts';
import { type FakeCandidate, fleet } from './fleet.ts';

interface Given {
  readonly depth?: readonly number[];
  readonly miss?: readonly number[];
  readonly share?: number;
  /** `loadWeight` */
  readonly load?: number;
}

/** The position chosen, for a prompt of 1,000 tokens that nobody holds unless told otherwise. */
function chosen(candidates: readonly FakeCandidate[], { depth, miss, share = 0, load = 1 }: Given = {}): number {
  const field = new Field();
  field.reserve(candidates.length);
  for (const at of candidates.keys()) {
    field.depth[at] = depth?.[at] ?? 0;
    field.miss[at] = miss?.[at] ?? 1000;
  }
  const situation = { deepest: Math.max(0, ...(depth ?? [])), share, meanMiss: 1000 };
  return choose(new CandidateSet(candidates, () => 0), field, situation, { ...WEIGHTS, load });
}

function waiting(candidates: readonly FakeCandidate[], tokens: readonly number[]): void {
  for (const [at, candidate] of candidates.entries()) candidate.load.uncachedTokens = tokens[at]!;
}

test('on an idle fleet the warm backend gets it', () => {
  assert.equal(chosen(fleet(1, 1, 1), { depth: [0, 5, 0], miss: [1000, 100, 1000] }), 1);
});

test('a cold idle backend is better than a warm one where more work waits than a miss makes', () => {
  const candidates = fleet(1, 1, 1, 1);
  const warm = { depth: [5, 0, 0, 0], miss: [100, 1000, 1000, 1000] };
  waiting(candidates, [2000, 0, 0, 0]);
  assert.equal(chosen(candidates, warm), 0);
  waiting(candidates, [3000, 0, 0, 0]);
  assert.equal(chosen(candidates, warm), 1);
});

test('a backend that joins an overloaded fleet is used at once, however long the others’ queues are', () => {
  const candidates = fleet(1, 1, 1, 1);
  waiting(candidates, [500_000, 500_000, 500_000, 0]);
  assert.equal(chosen(candidates, { depth: [5, 5, 5, 0], miss: [100, 100, 100, 1000] }), 3);
});

test('under overload a miss costs everyone who queues behind it: the warm one keeps it', () => {
  const candidates = fleet(1, 1, 1, 1);
  waiting(candidates, [13_000, 10_000, 10_000, 10_000]);
  assert.equal(chosen(candidates, { depth: [5, 0, 0, 0], miss: [100, 1000, 1000, 1000] }), 0);
});

test('a block for all is spread over all, one for few stays at home', () => {
  const candidates = fleet(1, 1, 1, 1);
  candidates[2]!.load.inflight = 1;
  const home = { depth: [0, 0, 3, 0], miss: [1000, 1000, 100, 1000] };
  assert.equal(chosen(candidates, { ...home, share: 0.05 }), 2);
  assert.equal(chosen(candidates, { ...home, share: 1 }), 0);
  candidates[2]!.load.inflight = 0;
  assert.equal(chosen(candidates, { ...home, share: 1 }), 2, 'an idle holder is not passed by');
});

test('as soon as a block has the holders that it deserves, only they get it', () => {
  const candidates = fleet(1, 1, 1, 1);
  for (const at of [0, 1]) candidates[at]!.load.inflight = 1;
  const held = { depth: [3, 3, 0, 0], miss: [100, 100, 1000, 1000] };
  assert.equal(chosen(candidates, { ...held, share: 0.3 }), 0, '0.3 × 4 × 1.5 = 2 holders');
  assert.equal(chosen(candidates, { ...held, share: 0.35 }), 2);
});

test('ties go to fewer in flight, then to fewer so far, then to the first', () => {
  const candidates = fleet(1, 1, 1);
  assert.equal(chosen(candidates), 0);
  candidates[0]!.load.processed = 5;
  assert.equal(chosen(candidates), 1);
});

test('a backend of twice the weight takes twice the work', () => {
  const candidates = fleet(1, 2);
  const got = [0, 0];
  for (let count = 0; count < 3000; count++) {
    const at = chosen(candidates);
    candidates[at]!.load.inflight++;
    candidates[at]!.load.processed++;
    got[at]!++;
  }
  assert.ok(Math.abs(got[1]! / got[0]! - 2) < 0.1, got.join());
});

test('the load weighs as much as it is told to', () => {
  const candidates = fleet(1, 1);
  const warm = { depth: [5, 0], miss: [100, 1000] };
  waiting(candidates, [2000, 0]);
  assert.equal(chosen(candidates, warm), 0);
  assert.equal(chosen(candidates, { ...warm, load: 2 }), 1);
  waiting(candidates, [100_000, 0]);
  assert.equal(chosen(candidates, warm), 1);
  assert.equal(chosen(candidates, { ...warm, load: 0 }), 0);
});

/** The two rules as `policy.ts` states them, every candidate compared with every other. */
function byTheRules(
  candidates: readonly FakeCandidate[],
  depth: readonly number[],
  miss: readonly number[],
  share: number,
) {
  const queue = Math.min(...candidates.map(({ load, weight }) => load.uncachedTokens / weight));
  const factor = WEIGHTS.miss + (WEIGHTS.behind * queue) / 1000;
  const busy = candidates.map(
    ({ load, weight }) => (WEIGHTS.load * (load.uncachedTokens + WEIGHTS.perSequence * load.inflight)) / weight,
  );
  const score = candidates.map(({ weight }, at) => busy[at]! + (factor * miss[at]!) / weight);
  const least = (key: readonly number[], among: readonly number[]) =>
    among.reduce((a, b) => {
      if (key[a] !== key[b]) return key[b]! < key[a]! ? b : a;
      return isLessUsed(candidates[b]!, candidates[a]!) ? b : a;
    });
  const all = [...candidates.keys()];
  const deepest = Math.max(...depth);
  const holders = all.filter((at) => deepest > 0 && depth[at] === deepest);
  const best = least(score, all);
  if (holders.length === 0 || holders.length >= Math.ceil(share * all.length * WEIGHTS.spread)) return best;
  const idlest = least(busy, all);
  return busy[least(busy, holders)]! > busy[idlest]! ? idlest : best;
}

test('the choice is that of the rules, whatever the loads, the holders and the weights', () => {
  const one = fc.record({
    // Powers of two, so that a product and a quotient tell the same of who is less used.
    weight: fc.constantFrom(1, 1, 1, 2, 4),
    inflight: fc.nat(2),
    processed: fc.nat(3),
    // Sums of fractions leave residues below 0 when nothing waits, and the least counts all the same; larger here than they are.
    waits: fc.constantFrom(-200, 0, 0, 200, 400, 5_000),
    depth: fc.nat(2),
    miss: fc.constantFrom(0, 100, 1_000),
  });
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 12 }), fc.constantFrom(0, 0.1, 0.3, 1), (all, share) => {
      const candidates = fleet(...all.map(({ weight }) => weight));
      for (const [at, { inflight, processed, waits }] of all.entries()) {
        Object.assign(candidates[at]!.load, { inflight, processed, uncachedTokens: waits });
      }
      const depth = all.map((given) => given.depth);
      const miss = all.map((given) => given.miss);
      assert.equal(chosen(candidates, { depth, miss, share }), byTheRules(candidates, depth, miss, share));
    }),
    { numRuns: 2_000 },
  );
});
