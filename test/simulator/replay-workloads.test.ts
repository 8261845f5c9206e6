import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mooncakeTraces } from '../../bench/routing/traces.ts';
import { seededRandom, zipf } from '../../src/simulator/replay/random.ts';
import { PromptText, SimRequest } from '../../src/simulator/replay/sim-request.ts';
import { TimeHeap } from '../../src/simulator/replay/time-heap.ts';
import { parseTrace, TRACE_BLOCK, TraceError } from '../../src/simulator/replay/trace.ts';
import { WORKLOADS } from '../../src/simulator/replay/workloads.ts';

test('workloads come at their rate, the same for the same seed, different for another', () => {
  for (const workload of WORKLOADS) {
    const arrivals = workload.arrivals(1, 20, 4000);
    assert.equal(arrivals.length, 4000);
    assert.ok(Math.abs(arrivals.at(-1)!.at / 1000 - 200) < 20, workload.name);
    assert.deepEqual(workload.arrivals(1, 20, 4000), arrivals);
    assert.notDeepEqual(workload.arrivals(2, 20, 4000), arrivals);
    for (const { blocks, promptTokens } of arrivals) assert.equal(promptTokens, workload.blockTokens * blocks.length);
  }
});

test('shared-prefixes: 150 groups of 5 users that share their group’s prefix and nothing else', () => {
  const arrivals = WORKLOADS.find(({ name }) => name === 'shared-prefixes')!.arrivals(1, 50, 10_000);
  assert.equal(new Set(arrivals.map(({ blocks }) => blocks[59])).size, 150);
  assert.equal(new Set(arrivals.map(({ session }) => session)).size, 750);
  assert.equal(new Set(arrivals.map(({ blocks }) => blocks[60])).size, 10_000);
});

test('Zipf: the first is twice the second, three times the third', () => {
  const draw = zipf(seededRandom(1), 300, 1);
  const counts = new Array<number>(300).fill(0);
  for (let count = 0; count < 100_000; count++) counts[draw()]!++;
  assert.ok(Math.abs(counts[0]! / counts[1]! - 2) < 0.1);
  assert.ok(Math.abs(counts[0]! / counts[2]! - 3) < 0.2);
  assert.ok(counts[299]! > 0);
});

test('prompts share bytes exactly as far as their blocks agree', () => {
  const text = new PromptText();
  const ids = fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(ids, ids, fc.nat(30), (a, tail, shared) => {
      const b = [...a.slice(0, shared), ...tail];
      const bodyOf = (blocks: number[]) => {
        const arrival = {
          at: 0,
          blocks: Int32Array.from(blocks),
          promptTokens: 512 * blocks.length,
          outputTokens: 1,
          session: '',
        };
        return Buffer.from(new SimRequest(arrival, 0, 512, text).body);
      };
      const [one, other] = [bodyOf(a), bodyOf(b)];
      let agree = 0;
      while (agree < a.length && agree < b.length && a[agree] === b[agree]) agree++;
      const opening = one.length - 2048 * a.length;
      let bytes = 0;
      while (bytes < one.length && bytes < other.length && one[bytes] === other[bytes]) bytes++;
      const end = opening + 2048 * agree;
      assert.ok(bytes >= end && (bytes < end + 4 || bytes === Math.min(one.length, other.length)), `${bytes}, ${end}`);
    }),
  );
});

test('Mooncake’s traces: requests, lengths and shared blocks as published, at any speed', () => {
  const { conversation, synthetic } = mooncakeTraces();
  assert.deepEqual([conversation.requests, synthetic.requests], [6000, 3993]);
  const arrivals = conversation.arrivals(1, 2 * conversation.rate, 6000);
  assert.ok(Math.abs(arrivals.at(-1)!.at - 1_872_000 / 2) < 3000);
  assert.equal(
    arrivals.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
    76_643_649,
  );
  const seen = new Set<number>();
  let shared = 0;
  for (const { blocks } of synthetic.arrivals(1, synthetic.rate, 3993)) {
    for (const id of blocks) if (seen.has(id)) shared++;
    for (const id of blocks) seen.add(id);
  }
  assert.ok(shared > 0.6 * (shared + seen.size));
});

test('a trace’s seed moves arrivals by no more than its clock’s tick, and keeps them in order', () => {
  const line = (timestamp: number) => `{"timestamp":${timestamp},"input_length":10,"output_length":1,"hash_ids":[1]}`;
  const trace = parseTrace('t', [0, 3000, 3000, 6000, 9000].map(line).join('\n'));
  for (let seed = 1; seed < 50; seed++) {
    const arrivals = trace.arrivals(seed, trace.rate, 5).map(({ at }) => at);
    assert.deepEqual(
      arrivals,
      arrivals.toSorted((a, b) => a - b),
    );
    for (const [index, base] of [0, 3000, 3000, 6000, 9000].entries()) {
      assert.ok(arrivals[index]! >= base - 3000 && arrivals[index]! < base + 3000 + 3000);
    }
  }
});

test('sessions of a trace: prompts that go on from each other, not what all begin with', () => {
  const lines = Array.from({ length: 100 }, (_, at) => {
    const ids = [0, 1000 + (at % 30), 5000 + at];
    return JSON.stringify({ timestamp: at, input_length: 3 * TRACE_BLOCK, output_length: 1, hash_ids: ids });
  });
  const sessions = parseTrace('t', lines.join('\n'))
    .arrivals(1, 1, 100)
    .map(({ session }) => session);
  assert.equal(new Set(sessions).size, 30);
});

test('what is no trace is said with its line', () => {
  const good = '{"timestamp":0,"input_length":10,"output_length":1,"hash_ids":[1]}';
  const bad: readonly (readonly [string, RegExp])[] = [
    ['', /no request/],
    [`${good}\n{`, /^line 2: /],
    [`${good}\n\n{"timestamp":0}`, /^line 3: needs/],
    ['null', /^line 1: needs/],
    [good.replace('[1]', '[1,2]'), /needs 1 whole-number hash_ids/],
    [good.replace('[1]', '["a"]'), /hash_ids/],
    [good.replace('10', '0'), /input_length/],
    [good.replace(':0', ':-1'), /needs/],
  ];
  for (const [text, message] of bad) assert.throws(() => parseTrace('t', text), { constructor: TraceError, message });
});

test('the heap gives times back in order, equal ones as they came', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (times) => {
      const heap = new TimeHeap<number>();
      for (const [order, time] of times.entries()) heap.push(time, order);
      const expected = [...times.keys()].sort((a, b) => times[a]! - times[b]! || a - b);
      assert.deepEqual(
        Array.from(times, () => heap.pop()),
        expected,
      );
      assert.equal(heap.nextTime, Number.POSITIVE_INFINITY);
    }),
  );
});
