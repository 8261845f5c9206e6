import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Candidate } from '../../src/algorithms/algorithm.ts';
import { RoundRobin } from '../../src/algorithms/round-robin.ts';
import { candidate, fleet, request, tally } from './fleet.ts';

function picks(algorithm: RoundRobin, candidates: readonly Candidate[], count: number): Candidate[] {
  return Array.from({ length: count }, () => algorithm.pick(candidates, request())!);
}

test('equal weights take turns strictly, in the order of the URLs', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100 }), (size, count) => {
      const candidates = fleet(...Array(size).fill(1));
      const got = picks(new RoundRobin(), candidates, count);
      assert.deepEqual(
        got.map(({ id }) => id),
        Array.from({ length: count }, (_, turn) => candidates[turn % size]!.id),
      );
    }),
  );
});

test("weights are nginx's: 5, 1, 1 comes as a a b a c a a", () => {
  const candidates = fleet(5, 1, 1);
  const order = picks(new RoundRobin(), candidates, 14).map(({ id }) => 'abc'[Number(id.slice(1))]);
  assert.equal(order.join(''), 'aabacaaaabacaa');
});

test('over any whole number of rounds each candidate gets exactly its weight', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 4 }), (all, rounds) => {
      const candidates = fleet(...all);
      const total = all.reduce((sum, weight) => sum + weight, 0);
      const counts = tally(picks(new RoundRobin(), candidates, total * rounds));
      for (const { id, weight } of candidates) assert.equal(counts.get(id), weight * rounds);
    }),
  );
});

test('each candidate set has its own turns: two models on the same backends do not pin each other', () => {
  const algorithm = new RoundRobin();
  const chat = fleet(1, 1);
  const code = [...chat];
  const got: string[][] = [[], []];
  for (let turn = 0; turn < 10; turn++) {
    got[0]!.push(algorithm.pick(chat, request())!.id);
    got[1]!.push(algorithm.pick(code, request())!.id);
  }
  for (const ids of got) assert.equal(new Set(ids.slice(0, 2)).size, 2, ids.join());
});

test('a retry goes on in the turns of its set, and the one that took over is not served again at once', () => {
  const algorithm = new RoundRobin();
  const candidates = fleet(1, 1, 1);
  const [a, b, c] = candidates;
  assert.equal(algorithm.pick(candidates, request()), a);
  assert.equal(algorithm.pick([b!, c!], request(), candidates), b);
  assert.equal(algorithm.pick(candidates, request()), c);
});

test('with one backend that always fails, its share is spread evenly over the others', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 10 }), fc.nat(), (size, seed) => {
      const algorithm = new RoundRobin();
      const candidates = fleet(...Array(size).fill(1));
      const broken = candidates[seed % size]!;
      const rest = candidates.filter((one) => one !== broken);
      const served: Candidate[] = [];
      for (let turn = 0; turn < 40 * size; turn++) {
        const first = algorithm.pick(candidates, request())!;
        served.push(first === broken ? algorithm.pick([...rest], request(), candidates)! : first);
      }
      const counts = [...tally(served).values()];
      assert.equal(counts.length, size - 1);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 2, `${counts}`);
    }),
  );
});

test('a set that changes with every request still gives everyone the same', () => {
  const algorithm = new RoundRobin();
  const counts = new Map<string, number>();
  for (let turn = 0; turn < 900; turn++) {
    const candidates = fleet(1, 1, 1);
    const { id } = algorithm.pick(candidates, request())!;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  assert.deepEqual([...counts.values()], [300, 300, 300]);
});

test('a newcomer is neither starved nor flooded', () => {
  const algorithm = new RoundRobin();
  const before = fleet(1, 1, 1);
  picks(algorithm, before, 1000);
  const after = [...before, candidate(3)];
  const counts = tally(picks(algorithm, after, 40));
  assert.deepEqual([...counts.values()].sort(), [10, 10, 10, 10]);
});

test('a removed backend is forgotten: back again it starts like a new one', () => {
  const algorithm = new RoundRobin();
  const candidates = fleet(10, 1);
  picks(algorithm, candidates, 3);
  algorithm.observe({ type: 'removed', id: 'b0000' });
  algorithm.observe({ type: 'removed', id: 'nobody' });
  const counts = tally(picks(algorithm, candidates, 110));
  assert.ok(Math.abs(counts.get('b0000')! - 100) <= 1);
});

test('a retry never repeats a tried one, down to the last', () => {
  const algorithm = new RoundRobin();
  const candidates = fleet(3, 2, 1, 1);
  for (let turn = 0; turn < 50; turn++) {
    let left: Candidate[] = candidates;
    const tried = new Set<Candidate>();
    while (left.length > 0) {
      const picked = algorithm.pick(left, request(), candidates)!;
      assert.ok(!tried.has(picked));
      tried.add(picked);
      left = candidates.filter((one) => !tried.has(one));
    }
    assert.equal(tried.size, 4);
  }
});

/** nginx's rule as it is written down: everyone earns its weight, who has most pays for all. */
class Plain {
  readonly #credit = new Map<string, number>();

  pick(candidates: readonly Candidate[]): string {
    const earned = (id: string) => this.#credit.get(id) ?? 0;
    for (const { id, weight } of candidates) this.#credit.set(id, earned(id) + weight);
    const best = candidates.reduce((a, b) => (earned(b.id) > earned(a.id) ? b : a));
    this.#credit.set(best.id, earned(best.id) - candidates.reduce((sum, { weight }) => sum + weight, 0));
    return best.id;
  }
}

test('the whole set and parts of it in any order of turns: the picks are those of the rule', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });
  const turns = fc.array(fc.oneof(fc.constant(255), fc.nat(255)), { maxLength: 50 });
  fc.assert(
    fc.property(weights, turns, (all, parts) => {
      const algorithm = new RoundRobin();
      const plain = new Plain();
      const candidates = fleet(...all);
      for (const mask of parts) {
        const part = candidates.filter((_, at) => (mask & (1 << at)) > 0);
        if (part.length === 0) continue;
        const among = part.length === candidates.length ? candidates : part;
        assert.equal(algorithm.pick(among, request(), candidates)!.id, plain.pick(part));
      }
    }),
  );
});
