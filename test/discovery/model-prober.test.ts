import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ModelProber, type ModelProberOptions } from '../../src/discovery/model-prober.ts';
import type { ModelCard } from '../../src/discovery/source.ts';

interface Call {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly signal: AbortSignal;
  answer(...names: string[]): Promise<void>;
  fail(): Promise<void>;
}

/** A prober whose probes the test answers by hand, on a mocked clock. */
function setUp(options: Partial<ModelProberOptions> = {}) {
  const calls: Call[] = [];
  const events: [string, string][] = [];
  const prober = new ModelProber({
    refresh: 60_000,
    timeout: 1000,
    random: () => 0.5,
    onCards: (id, cards) => events.push([id, cards.map((card) => card.id).join()]),
    onFailure: (id, error, failures) => events.push([id, `${error.message} ${failures}`]),
    probe: (url, { authorization, signal }) => {
      const { promise, resolve, reject } = Promise.withResolvers<ModelCard[]>();
      const settled = () => new Promise<void>((done) => setImmediate(done));
      calls.push({
        url,
        authorization,
        signal: signal!,
        answer: (...names) => {
          resolve(names.map((id) => ({ id, created: calls.length })));
          return settled();
        },
        fail: () => {
          reject(new Error('down'));
          return settled();
        },
      });
      return promise;
    },
    ...options,
  });
  return { prober, calls, events };
}

test.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
test.afterEach(() => mock.timers.reset());

test('backs off from 0.5 s to 30 s until the backend answers, then asks every interval', async () => {
  const { prober, calls, events } = setUp();
  prober.watch({ id: 'a', url: 'http://a' });
  for (const delay of [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    await calls.at(-1)!.fail();
    const before = calls.length;
    mock.timers.tick(delay * 0.75 - 1);
    assert.equal(calls.length, before);
    mock.timers.tick(1);
    assert.equal(calls.length, before + 1);
  }
  await calls.at(-1)!.answer('m');
  assert.deepEqual(events.at(-1), ['a', 'm']);
  const before = calls.length;
  mock.timers.tick(59_999);
  assert.equal(calls.length, before);
  mock.timers.tick(1);
  await calls.at(-1)!.answer('m');
  assert.equal(events.length, 9, 'the same cards are no news');
  mock.timers.tick(60_000);
  await calls.at(-1)!.answer('m', 'lora');
  assert.deepEqual(events.at(-1), ['a', 'm,lora']);
  mock.timers.tick(60_000);
  await calls.at(-1)!.fail();
  assert.deepEqual(events.at(-1), ['a', 'down 1'], 'a failed refresh starts the back-off anew');
  prober.stop();
});

test('bounds the probes under way and lets a slow backend delay nobody', async () => {
  const { prober, calls } = setUp({ concurrency: 2 });
  for (const id of ['slow', 'b', 'c', 'd']) prober.watch({ id, url: `http://${id}` });
  assert.deepEqual(
    calls.map((call) => call.url),
    ['http://slow', 'http://b'],
  );
  await calls[1]!.answer('m');
  await calls[2]!.answer('m');
  assert.equal(calls[3]?.url, 'http://d');
  prober.stop();
});

test('probeNow asks at once, and once more when a probe is under way already', async () => {
  const { prober, calls, events } = setUp();
  prober.watch({ id: 'a', url: 'http://a' });
  await calls[0]!.answer('m');
  prober.probeNow('a');
  prober.probeNow('a');
  prober.probeNow('a');
  assert.equal(calls.length, 2);
  await calls[1]!.answer('m');
  assert.equal(calls.length, 3, 'the answer under way may have been older than the reason to ask');
  await calls[2]!.answer('m', 'n');
  assert.deepEqual(events, [
    ['a', 'm'],
    ['a', 'm,n'],
  ]);
  prober.probeNow('nobody');
  prober.stop();
});

test('forget aborts, and nothing is heard of the target again', async () => {
  const { prober, calls, events } = setUp({ concurrency: 1 });
  prober.watch({ id: 'a', url: 'http://a' });
  prober.watch({ id: 'b', url: 'http://b' });
  prober.watch({ id: 'c', url: 'http://c' });
  prober.forget('b');
  prober.forget('a');
  assert.ok(calls[0]!.signal.aborted);
  await calls[0]!.answer('m');
  assert.deepEqual(
    calls.map((call) => call.url),
    ['http://a', 'http://c'],
  );
  await calls[1]!.fail();
  prober.forget('c');
  mock.timers.tick(120_000);
  assert.equal(calls.length, 2);
  assert.deepEqual(events, [['c', 'down 1']]);
});

test('a target under a known id is probed anew only when its URL changed; keys are read each time', async () => {
  const keys = ['one', 'two'];
  const { prober, calls, events } = setUp();
  const authorization = () => keys.shift();
  prober.watch({ id: 'a', url: 'http://a', authorization });
  prober.watch({ id: 'a', url: 'http://a', authorization });
  assert.equal(calls.length, 1);
  await calls[0]!.answer('m');
  prober.watch({ id: 'a', url: 'http://a2', authorization });
  await calls[1]!.answer('m');
  assert.deepEqual(
    calls.map((call) => [call.url, call.authorization]),
    [
      ['http://a', 'one'],
      ['http://a2', 'two'],
    ],
  );
  assert.equal(events.length, 2, 'what the old URL served says nothing about the new one');
  prober.stop();
});

test('says of each answer that it came, and asks a target in its own way where it has one', async () => {
  const answers: string[] = [];
  const { prober, calls, events } = setUp({ onAnswer: (id) => answers.push(id) });
  prober.watch({ id: 'a', url: 'http://a' });
  await calls[0]!.answer('m1');
  prober.probeNow('a');
  await calls[1]!.answer('m1');
  assert.deepEqual(answers, ['a', 'a']);
  assert.deepEqual(events, [['a', 'm1']]);
  prober.watch({ id: 'b', url: 'http://b', probe: async () => [{ id: 'own' }] });
  await new Promise<void>((done) => setImmediate(done));
  assert.equal(calls.length, 2);
  assert.deepEqual(events.at(-1), ['b', 'own']);
  prober.stop();
});
