import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { Delivery } from '../../src/tracing/collector.ts';
import { BATCH } from '../../src/tracing/span-batch.ts';
import { SpanExporter } from '../../src/tracing/span-exporter.ts';

const ACCEPTED: Delivery = { type: 'accepted', rejected: 0 };
const AGAIN: Delivery = { type: 'again', reason: 'status 503', after: 0 };

/** An exporter whose deliveries `answer` decides about, on a clock that the test moves. */
function setUp(answer: (tries: number) => Delivery | Promise<Delivery>) {
  mock.timers.enable({ apis: ['setTimeout'] });
  const messages: { spans: unknown[] }[] = [];
  const counts: Record<string, number> = {};
  const troubles: (string | undefined)[] = [];
  let aborted = 0;
  const exporter = new SpanExporter({
    deliver: async (payload) => {
      const { resourceSpans } = JSON.parse(payload.toString());
      messages.push(resourceSpans[0].scopeSpans[0]);
      return answer(messages.length);
    },
    abort: () => {
      aborted++;
    },
    resource: ',{"key":"a"}',
    count: (result, spans) => {
      counts[result] = (counts[result] ?? 0) + spans;
    },
    trouble: (reason) => troubles.push(reason),
    random: () => 1,
  });
  const add = (spans: number) => {
    for (let i = 0; i < spans; i++) exporter.add(`{"name":"span ${i}"}`);
  };
  /** Lets time pass, and what it has set off. */
  const pass = async (ms: number) => {
    mock.timers.tick(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const sizes = () => messages.map(({ spans }) => spans.length);
  return { exporter, counts, troubles, add, pass, sizes, aborted: () => aborted };
}

test.afterEach(() => mock.timers.reset());

test('a batch goes when it is full, or after a second', async () => {
  const { add, pass, sizes, counts } = setUp(() => ACCEPTED);
  add(3);
  await pass(999);
  assert.deepEqual(sizes(), []);
  await pass(1);
  assert.deepEqual(sizes(), [3]);
  add(BATCH + 1);
  await pass(0);
  assert.deepEqual(sizes(), [3, BATCH]);
  await pass(1_000);
  assert.deepEqual(sizes(), [3, BATCH, 1]);
  assert.deepEqual(counts, { exported: BATCH + 4 });
});

test('while one message is under way, a bounded number of spans wait; further ones are dropped', async () => {
  const { promise, resolve } = Promise.withResolvers<Delivery>();
  const { add, pass, sizes, counts } = setUp(() => promise);
  add(1);
  await pass(1_000);
  add(10 * BATCH);
  assert.deepEqual(counts, { dropped: 2 * BATCH });
  resolve(ACCEPTED);
  await pass(0);
  assert.deepEqual(sizes(), [1, ...Array.from({ length: 8 }, () => BATCH)]);
  assert.deepEqual(counts, { dropped: 2 * BATCH, exported: 8 * BATCH + 1 });
});

test('a failing collector is asked after 1, 2, 4 … seconds; a batch is given up after six tries', async () => {
  let well = false;
  const { add, pass, sizes, counts, troubles } = setUp(() => (well ? ACCEPTED : AGAIN));
  add(1);
  await pass(1_000);
  for (const [seconds, tries] of [
    [1, 2],
    [2, 3],
    [4, 4],
    [8, 5],
    [16, 6],
  ] as const) {
    await pass(seconds * 1_000 - 1);
    assert.equal(sizes().length, tries - 1);
    await pass(1);
    assert.equal(sizes().length, tries);
  }
  assert.deepEqual(counts, { failed: 1 });
  well = true;
  add(1);
  await pass(1_000);
  assert.deepEqual(counts, { failed: 1, exported: 1 });
  assert.deepEqual(troubles, [...Array.from({ length: 6 }, () => 'status 503'), undefined]);
});

test('what is refused is not sent again; what it throws away is counted', async () => {
  const answers: Delivery[] = [
    { type: 'refused', reason: 'status 400' },
    { type: 'accepted', rejected: 2 },
  ];
  const { add, pass, counts, sizes } = setUp((tries) => answers[tries - 1]!);
  for (let i = 0; i < 2; i++) {
    add(3);
    await pass(1_000);
  }
  assert.deepEqual(sizes(), [3, 3]);
  assert.deepEqual(counts, { failed: 3, rejected: 2, exported: 1 });
});

test('closed, it sends what it has, gives up at the first failure, and takes nothing more', async () => {
  const { exporter, add, counts, sizes, aborted } = setUp((tries) => (tries === 1 ? ACCEPTED : AGAIN));
  add(2 * BATCH + 5);
  await exporter.close(2_000);
  assert.deepEqual(sizes(), [BATCH, BATCH]);
  add(1);
  assert.deepEqual(counts, { exported: BATCH, failed: BATCH, dropped: 6 });
  assert.equal(aborted(), 1);
});

test('closed while it waits for the next try, it does not wait', async () => {
  const { exporter, add, pass, counts } = setUp(() => AGAIN);
  add(1);
  await pass(1_000);
  await exporter.close(2_000);
  assert.deepEqual(counts, { failed: 1 });
});
