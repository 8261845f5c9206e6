import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Candidate } from '../../src/algorithms/algorithm.ts';
import { LeastLoad } from '../../src/algorithms/least-load.ts';
import { type FakeCandidate, fleet, request, tally } from './fleet.ts';

const algorithm = new LeastLoad();

function dispatch(candidate: Candidate): void {
  const { load } = candidate as FakeCandidate;
  load.inflight++;
  load.processed++;
  load.sinceScrape++;
}

function scrape({ load }: FakeCandidate, engine: { running: number; waiting?: number; kvUsage?: number }): void {
  load.engine = { waiting: 0, kvUsage: 0, ...engine, ours: load.inflight };
  load.sinceScrape = 0;
}

test('without stats the least in flight gets it', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100), { minLength: 1, maxLength: 30 }), (loads) => {
      const candidates = fleet(...loads.map(() => 1));
      for (const [index, inflight] of loads.entries()) candidates[index]!.load.inflight = inflight;
      assert.equal(algorithm.pick(candidates)!.load.inflight, Math.min(...loads));
    }),
  );
});

test('ties go to the less used, then to the first: an idle fleet takes turns', () => {
  const candidates = fleet(1, 1, 1);
  const order: string[] = [];
  for (let turn = 0; turn < 6; turn++) {
    const picked = algorithm.pick(candidates)! as FakeCandidate;
    order.push(picked.id);
    picked.load.processed++;
  }
  assert.deepEqual(order, ['b0000', 'b0001', 'b0002', 'b0000', 'b0001', 'b0002']);
});

test('requests that stay are shared out by weight', () => {
  const candidates = fleet(1, 2, 3);
  for (let count = 0; count < 600; count++) dispatch(algorithm.pick(candidates)!);
  assert.deepEqual(
    candidates.map(({ load }) => load.inflight),
    [100, 200, 300],
  );
});

test('a long prompt that awaits its first byte weighs as much as the sequences it holds up', () => {
  const candidates = fleet(1, 1);
  candidates[0]!.load.inflight = 1;
  candidates[0]!.load.uncachedTokens = 20_000;
  candidates[1]!.load.inflight = 30;
  assert.equal(algorithm.pick(candidates), candidates[1]);
  candidates[0]!.load.uncachedTokens = 0;
  assert.equal(algorithm.pick(candidates), candidates[0]);
});

test('what came past this router counts, what is ours is not counted twice', () => {
  const candidates = fleet(1, 1);
  for (let count = 0; count < 10; count++) dispatch(candidates[0]!);
  scrape(candidates[0]!, { running: 10 });
  scrape(candidates[1]!, { running: 30 });
  assert.equal(algorithm.pick(candidates), candidates[0]);
});

test('nothing herds between two scrapes', () => {
  const candidates = fleet(1, 1, 1, 1);
  for (const [index, one] of candidates.entries()) scrape(one, { running: index === 0 ? 0 : 5 });
  const picked: Candidate[] = [];
  for (let count = 0; count < 45; count++) {
    const one = algorithm.pick(candidates)!;
    dispatch(one);
    picked.push(one);
  }
  // The idle one fills up to the others' level, then all share: (45 + 15) / 4 = 15.
  assert.deepEqual([...tally(picked).values()].sort(), [10, 10, 10, 15]);
});

test('backends scraped at different times stay even: a fresh scrape does not make its backend look idle', () => {
  const candidates = fleet(1, 1, 1);
  const counts = tally(
    (function* () {
      for (let turn = 0; turn < 3000; turn++) {
        // Each is scraped every 300 requests, in turn; ten of ours are always open at each.
        if (turn % 100 === 0) {
          const due = candidates[(turn / 100) % 3]!;
          scrape(due, { running: due.load.inflight });
        }
        const one = algorithm.pick(candidates)! as FakeCandidate;
        dispatch(one);
        yield one;
        const oldest = candidates.find(({ load }) => load.inflight > 10);
        if (oldest !== undefined) oldest.load.inflight--;
      }
    })(),
  );
  for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 30, `${[...counts.values()]}`);
});

test('a queue counts more than sequences that run, and is carried forward by what we send and see end', () => {
  const candidates = fleet(1, 1);
  for (const one of candidates) one.load.inflight = 10;
  scrape(candidates[0]!, { running: 4, waiting: 6 });
  scrape(candidates[1]!, { running: 12 });
  assert.equal(algorithm.pick(candidates), candidates[1]);
  // Six of ours have ended there since: nobody waits any more.
  candidates[0]!.load.inflight = 4;
  assert.equal(algorithm.pick(candidates), candidates[0]);
});

test('full memory makes the same sequences weigh more', () => {
  const candidates = fleet(1, 1);
  for (const one of candidates) one.load.inflight = 10;
  scrape(candidates[0]!, { running: 10, kvUsage: 0.95 });
  scrape(candidates[1]!, { running: 10, kvUsage: 0.2 });
  assert.equal(algorithm.pick(candidates), candidates[1]);
});

test("a backend without stats is scored by its in-flight times what the fleet's stats add on average", () => {
  const candidates = fleet(1, 1, 1);
  for (const one of candidates) one.load.inflight = 10;
  // The others carry twice what we know of; so does the third, presumably.
  scrape(candidates[0]!, { running: 19 });
  scrape(candidates[1]!, { running: 21 });
  candidates[2]!.load.inflight = 11;
  assert.equal(algorithm.pick(candidates), candidates[0]);
  candidates[2]!.load.inflight = 8;
  assert.equal(algorithm.pick(candidates), candidates[2]);
});

test('without `ours` the share of a scrape that is ours is guessed from what was sent since', () => {
  const candidates = fleet(1, 1);
  candidates[0]!.load.inflight = 5;
  candidates[0]!.load.engine = { running: 5, waiting: 0, kvUsage: 0 };
  candidates[1]!.load.inflight = 6;
  candidates[1]!.load.engine = { running: 6, waiting: 0, kvUsage: 0 };
  assert.equal(algorithm.pick(candidates), candidates[0]);
});

test("a request's tokens are its body's length over four, within reason", () => {
  const [one] = fleet(1);
  assert.equal(algorithm.uncachedTokens(one!, request({ body: Buffer.alloc(2000) })), 500);
  assert.equal(algorithm.uncachedTokens(one!, request({ body: Buffer.alloc(8_000_000) })), 131_072);
});
