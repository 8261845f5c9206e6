import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockCache } from '../../src/simulator/replay/block-cache.ts';
import { Engine, type EngineModel, type Sequence } from '../../src/simulator/replay/engine.ts';
import type { Arrival } from '../../src/simulator/replay/sim-request.ts';

const MODEL: EngineModel = {
  beta0: 10,
  beta1: 0.1,
  beta2: 1,
  stepTokens: 600,
  maxSequences: 4,
  cacheTokens: 100_000,
};
const BLOCK = 100;

function arrival(at: number, blocks: readonly number[], outputTokens: number): Arrival {
  return { at, blocks: Int32Array.from(blocks), promptTokens: BLOCK * blocks.length, outputTokens, session: '' };
}

interface Seen {
  readonly first: number;
  readonly end: number;
  readonly cached: number;
}

/** Runs the arrivals through one engine; undefined for those it refused. */
function run(model: EngineModel, arrivals: readonly Arrival[]): (Seen | undefined)[] {
  const first: number[] = [];
  const seen: (Seen | undefined)[] = arrivals.map(() => undefined);
  const engine = new Engine(model, BLOCK, {
    firstToken: ({ index }, now) => {
      first[index] = now;
    },
    finished: ({ index, cachedTokens }, now) => {
      seen[index] = { first: first[index]!, end: now, cached: cachedTokens };
    },
    refused: () => {},
  });
  let next = 0;
  for (;;) {
    const at = arrivals[next]?.at ?? Number.POSITIVE_INFINITY;
    if (at === Number.POSITIVE_INFINITY && engine.stepEnds === Number.POSITIVE_INFINITY) return seen;
    if (at <= engine.stepEnds) engine.submit(next, arrivals[next++]!, at);
    else engine.endStep(engine.stepEnds);
  }
}

const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);
const range = (from: number, count: number) => Array.from({ length: count }, (_, at) => from + at);

test('a prompt in two chunks, then a token a step', () => {
  const [seen] = run(MODEL, [arrival(0, range(0, 10), 3)]);
  near(seen!.first, 10 + 60 + 10 + 40);
  near(seen!.end, seen!.first + 2 * 11);
});

test('prompts are computed one after the other; decoding goes on meanwhile and takes its share of a step', () => {
  const [a, b] = run(MODEL, [arrival(0, range(0, 5), 20), arrival(1, range(100, 10), 1)]);
  near(a!.first, 60);
  // One of 600 tokens is the first one's: 599, then 401.
  near(b!.first, 60 + (10 + 59.9 + 1) + (10 + 40.1 + 1));
});

test('a prefix that was computed before is not computed again, but for the last token', () => {
  const [a, b, c] = run(MODEL, [
    arrival(0, range(0, 5), 1),
    arrival(1000, [...range(0, 5), 50], 1),
    arrival(2000, range(0, 5), 1),
  ]);
  assert.deepEqual([a!.cached, b!.cached, c!.cached], [0, 500, 499]);
  near(b!.first - 1000, 20);
  near(c!.first - 2000, 10.1);
});

test('who comes while many equal steps are taken at once waits for the end of the one in progress', () => {
  const [a, b] = run(MODEL, [arrival(0, [1], 101), arrival(20 + 11 * 50 + 1, [2], 1)]);
  near(b!.first, 20 + 11 * 51 + 10 + 10 + 1);
  near(a!.end, 20 + 11 * 99 + 21);
});

test('no more sequences than allowed; what does not fit into memory waits, what never would is refused', () => {
  const five = run(
    MODEL,
    range(0, 5).map((number) => arrival(0, [number], 11)),
  );
  assert.ok(five[4]!.first > five[0]!.end);
  const small = { ...MODEL, cacheTokens: 1000 };
  const [a, b, refused] = run(small, [
    arrival(0, range(0, 6), 101),
    arrival(0, range(100, 6), 1),
    arrival(0, range(200, 11), 1),
  ]);
  assert.ok(b!.first > a!.end);
  assert.equal(refused, undefined);
});

/** The same engine without shortcuts: one step at a time, sets for caches, no memory limits. */
function reference(model: EngineModel, arrivals: readonly Arrival[]): Seen[] {
  const cached = new Set<number>();
  const waiting: number[] = [];
  let prefill: { index: number; remaining: number } | undefined;
  let decoding: { index: number; left: number }[] = [];
  const seen: { first: number; end: number; cached: number }[] = [];
  let now = 0;
  let next = 0;
  let running = 0;
  for (;;) {
    while (next < arrivals.length && arrivals[next]!.at <= now) waiting.push(next++);
    if (waiting.length === 0 && prefill === undefined && decoding.length === 0) {
      if (next === arrivals.length) return seen;
      now = arrivals[next]!.at;
      continue;
    }
    let budget = model.stepTokens - decoding.length;
    let tokens = 0;
    const done: number[] = [];
    while (budget > 0) {
      if (prefill === undefined) {
        if (waiting.length === 0 || running === model.maxSequences) break;
        const index = waiting.shift()!;
        const { blocks, promptTokens } = arrivals[index]!;
        let hits = 0;
        while (hits < blocks.length && cached.has(blocks[hits]!)) hits++;
        for (const block of blocks) cached.add(block);
        const found = Math.min(hits * BLOCK, promptTokens - 1);
        seen[index] = { first: 0, end: 0, cached: found };
        prefill = { index, remaining: promptTokens - found };
        running++;
      }
      const chunk = Math.min(budget, prefill.remaining);
      prefill.remaining -= chunk;
      budget -= chunk;
      tokens += chunk;
      if (prefill.remaining > 0) break;
      done.push(prefill.index);
      prefill = undefined;
    }
    now += model.beta0 + model.beta1 * tokens + model.beta2 * decoding.length;
    for (const sequence of decoding) {
      sequence.left--;
      if (sequence.left === 0) {
        seen[sequence.index]!.end = now;
        running--;
      }
    }
    decoding = decoding.filter(({ left }) => left > 0);
    for (const index of done) {
      seen[index]!.first = now;
      const left = arrivals[index]!.outputTokens - 1;
      if (left > 0) {
        decoding.push({ index, left });
      } else {
        seen[index]!.end = now;
        running--;
      }
    }
  }
}

test('it keeps the times of an engine without shortcuts', () => {
  const draw = fc.record({
    gap: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 2000 })),
    prefix: fc.integer({ min: 0, max: 3 }),
    length: fc.integer({ min: 1, max: 12 }),
    output: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(fc.array(draw, { minLength: 1, maxLength: 40 }), (draws) => {
      let at = 0;
      const arrivals = draws.map(({ gap, prefix, length, output }) => {
        // No arrival at the very end of a step: which of the two comes first is nobody's promise.
        at += gap + 0.000_123;
        return arrival(at, range(prefix * 1000, length), output);
      });
      const expected = reference(MODEL, arrivals);
      for (const [index, seen] of run(MODEL, arrivals).entries()) {
        near(seen!.first, expected[index]!.first);
        near(seen!.end, expected[index]!.end);
        assert.equal(seen!.cached, expected[index]!.cached);
      }
    }),
  );
});

test('a killed engine names all that was there', () => {
  const lost: Sequence[] = [];
  const engine = new Engine(MODEL, BLOCK, { firstToken() {}, finished() {}, refused() {} });
  for (let index = 0; index < 6; index++) engine.submit(index, arrival(0, range(index * 100, 8), 50), 0);
  for (let step = 0; step < 4; step++) engine.endStep(engine.stepEnds);
  lost.push(...engine.kill());
  assert.deepEqual(lost.map(({ index }) => index).sort(), [0, 1, 2, 3, 4, 5]);
  assert.equal(engine.stepEnds, Number.POSITIVE_INFINITY);
});

test('the cache never holds more than it may, and drops what was used longest ago, of a prompt the end first', () => {
  const cache = new BlockCache(10);
  const a = Int32Array.of(1, 2, 3, 4);
  const b = Int32Array.of(1, 2, 9);
  assert.ok(cache.acquire(a, 2));
  assert.ok(cache.acquire(b, 0));
  assert.equal(cache.usage, 0.7);
  cache.release(a, 2);
  cache.release(b, 0);
  assert.deepEqual([cache.cachedBlocks, cache.usage], [5, 0]);
  assert.ok(cache.acquire(Int32Array.of(20, 21, 22, 23, 24, 25), 0));
  assert.deepEqual([cache.match(a), cache.match(b), cache.cachedBlocks], [3, 3, 10]);
  assert.ok(!cache.acquire(Int32Array.of(30, 31, 32), 2), 'four are left');
  assert.deepEqual([cache.match(a), cache.match(b)], [3, 3], 'and a refusal takes none');
  assert.ok(cache.acquire(Int32Array.of(30, 31), 2));
  assert.deepEqual([cache.match(a), cache.match(b)], [0, 0]);
});

test('the cache against a list', () => {
  const use = fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 5 }), { maxLength: 60 });
  fc.assert(
    fc.property(use, (prompts) => {
      const cache = new BlockCache(8);
      let list: number[] = [];
      for (const prompt of prompts) {
        // A block's id says all that comes before it.
        const blocks = Int32Array.from(prompt, (_, end) =>
          prompt.slice(0, end + 1).reduce((id, b) => id * 5 + b + 1, 0),
        );
        let matched = 0;
        while (matched < blocks.length && list.includes(blocks[matched]!)) matched++;
        assert.equal(cache.match(blocks), matched);
        assert.ok(cache.acquire(blocks, 0));
        cache.release(blocks, 0);
        list = [...list.filter((id) => !blocks.includes(id)), ...[...blocks].reverse()].slice(-8);
        assert.equal(cache.cachedBlocks, list.length);
      }
    }),
  );
});
