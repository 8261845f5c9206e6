import assert from 'node:assert/strict';
import type { LookupAddress, LookupOptions } from 'node:dns';
import { type TestContext, test } from 'node:test';
import { Addresses, type Resolve } from '../src/addresses.ts';

const V4 = (address: string): LookupAddress => ({ address, family: 4 });
const failure = (code: string) => Object.assign(new Error(`getaddrinfo ${code}`), { code });

/** A resolver that answers when the test says so, and a clock that the test moves. */
function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const asked: { name: string; done: Parameters<Resolve>[1] }[] = [];
  let now = 1_000;
  const addresses = new Addresses(
    (name, done) => asked.push({ name, done }),
    () => now,
  );
  const look = (name: string, options: LookupOptions = { all: true }) =>
    new Promise<unknown>((resolve) => {
      addresses.lookup(name, options, (error, found, family) => {
        if (error) resolve(error.code);
        else if (typeof found === 'string') resolve([found, family]);
        else resolve(found.map(({ address }) => address));
      });
    });
  return {
    addresses,
    asked,
    look,
    answer: (...found: LookupAddress[]) => asked.shift()!.done(null, found),
    fail: (code: string) => asked.shift()!.done(failure(code), []),
    pass: (ms: number) => {
      now += ms;
      t.mock.timers.tick(ms);
    },
    /** Learns an address and lets it become old. */
    known: async (name: string, ...found: LookupAddress[]) => {
      const first = look(name);
      asked.pop()!.done(null, found);
      await first;
      now += 5_000;
    },
  };
}

test('lookups of one name share one question, and its answer is used for 5 s', async (t) => {
  const { asked, look, answer, pass } = setUp(t);
  const both = Promise.all([look('a'), look('a')]);
  assert.equal(asked.length, 1);
  answer(V4('10.0.0.1'));
  assert.deepEqual(await both, [['10.0.0.1'], ['10.0.0.1']]);
  pass(4_999);
  assert.deepEqual(await look('a'), ['10.0.0.1']);
  assert.equal(asked.length, 0);
});

test('a name that stalls keeps nobody waiting who wants another', async (t) => {
  const { asked, look } = setUp(t);
  for (let count = 0; count < 10; count++) void look('stalls');
  const other = look('b');
  assert.deepEqual(
    asked.map(({ name }) => name),
    ['stalls', 'b'],
  );
  asked[1]!.done(null, [V4('10.0.0.2')]);
  assert.deepEqual(await other, ['10.0.0.2']);
});

test('a known address is used while the next answer stalls, and when none comes', async (t) => {
  const { addresses, asked, look, fail, answer, pass, known } = setUp(t);
  const told: unknown[] = [];
  addresses.watch((name, error) => told.push([name, error?.message]));
  await known('a', V4('10.0.0.1'));
  assert.deepEqual(await look('a'), ['10.0.0.1']);
  assert.deepEqual(await look('a'), ['10.0.0.1']);
  assert.equal(asked.length, 1);
  // An hour of it.
  for (let second = 0; second < 3_600; second += 10) {
    if (asked.length > 0) fail('EAI_AGAIN');
    pass(10_000);
    assert.deepEqual(await look('a'), ['10.0.0.1']);
  }
  assert.deepEqual(told, [['a', 'getaddrinfo EAI_AGAIN']]);
  answer(V4('10.0.0.9'));
  assert.deepEqual(await look('a'), ['10.0.0.9']);
  assert.deepEqual(told[1], ['a', undefined]);
});

test('after a failure the next question comes 5 s later', async (t) => {
  const { asked, look, fail, pass, known } = setUp(t);
  await known('a', V4('10.0.0.1'));
  await look('a');
  fail('EAI_AGAIN');
  pass(4_999);
  await look('a');
  assert.equal(asked.length, 0);
  pass(1);
  await look('a');
  assert.equal(asked.length, 1);
});

test('a first lookup that fails fails for all who wait, and the next asks again', async (t) => {
  const { asked, look, fail } = setUp(t);
  const both = Promise.all([look('a'), look('a')]);
  fail('EAI_AGAIN');
  assert.deepEqual(await both, ['EAI_AGAIN', 'EAI_AGAIN']);
  const empty = look('a');
  asked.shift()!.done(null, []);
  assert.equal(await empty, 'ENOTFOUND');
});

test('that a name is no more is believed after a minute', async (t) => {
  const { asked, look, fail, pass, known } = setUp(t);
  await known('a', V4('10.0.0.1'));
  for (let waited = 0; waited < 60_000; waited += 5_000) {
    assert.deepEqual(await look('a'), ['10.0.0.1']);
    fail('ENOTFOUND');
    pass(5_000);
  }
  await look('a');
  fail('ENOTFOUND');
  const gone = look('a');
  assert.equal(asked.length, 1);
  fail('ENOTFOUND');
  assert.equal(await gone, 'ENOTFOUND');
});

test('a resolver that was down in between has not said for a minute that a name is no more', async (t) => {
  const { asked, look, fail, pass, known } = setUp(t);
  await known('a', V4('10.0.0.1'));
  for (const code of ['ENOTFOUND', ...Array(12).fill('EAI_AGAIN'), 'ENOTFOUND']) {
    assert.deepEqual(await look('a'), ['10.0.0.1']);
    fail(code);
    pass(5_000);
  }
  assert.deepEqual(await look('a'), ['10.0.0.1']);
  assert.equal(asked.length, 1);
});

test('connections that still stand hear where a name is back that was believed to be no more', async (t) => {
  const { addresses, asked, answer, fail, pass, known } = setUp(t);
  await known('a', V4('10.0.0.1'));
  // Nobody connects anew meanwhile.
  for (let waited = 0; waited <= 65_000; waited += 5_000) {
    assert.equal(addresses.generation('a'), 1);
    fail('ENOTFOUND');
    pass(5_000);
  }
  assert.equal(addresses.has('a', '10.0.0.1'), false);
  addresses.generation('a');
  assert.equal(asked.length, 1);
  answer(V4('10.0.0.2'));
  assert.equal(addresses.generation('a'), 2);
});

test('a name unused for more than a minute is asked for first, for half a second', async (t) => {
  const { look, answer, pass, known } = setUp(t);
  await known('a', V4('10.0.0.1'));
  pass(60_001);
  const both = Promise.all([look('a'), look('a')]);
  answer(V4('10.0.0.2'));
  assert.deepEqual(await both, [['10.0.0.2'], ['10.0.0.2']]);
  pass(60_001);
  const stalled = look('a');
  pass(500);
  assert.deepEqual(await stalled, ['10.0.0.2']);
  assert.deepEqual(await look('a'), ['10.0.0.2']);
});

test('stalled refreshes leave threads for names that are not known yet', async (t) => {
  const { asked, look, known } = setUp(t);
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const name of names) await known(name, V4('10.0.0.1'));
  for (const name of names) assert.deepEqual(await look(name), ['10.0.0.1']);
  assert.equal(asked.length, 4);
  void look('new');
  assert.equal(asked.at(-1)!.name, 'new');
  // As one ends, the next in need has its turn.
  asked[0]!.done(null, [V4('10.0.0.1')]);
  await look('f');
  assert.equal(asked.at(-1)!.name, 'f');
});

test('both families, in the order of the resolver; one where one is wanted; addresses of a family take turns', async (t) => {
  const { look, known } = setUp(t);
  await known('a', V4('10.0.0.1'), { address: '::1', family: 6 }, V4('10.0.0.2'));
  const orders = [await look('a'), await look('a')].map(String).sort();
  assert.deepEqual(orders, ['10.0.0.1,10.0.0.2,::1', '10.0.0.2,10.0.0.1,::1']);
  assert.deepEqual(await look('a', { family: 6 }), ['::1', 6]);
  assert.deepEqual(await look('a', { family: 'IPv6', all: true }), ['::1']);
  await known('b', V4('10.0.0.1'));
  assert.equal(await look('b', { family: 6 }), 'ENOTFOUND');
});

test('an address is its own answer', async (t) => {
  const { asked, look } = setUp(t);
  assert.deepEqual(await look('10.1.1.1', {}), ['10.1.1.1', 4]);
  assert.deepEqual(await look('fe80::1'), ['fe80::1']);
  assert.equal(asked.length, 0);
});

test('a generation is a set of addresses, in whatever order', async (t) => {
  const { addresses, answer, pass, known } = setUp(t);
  assert.equal(addresses.generation('a'), 0);
  await known('a', V4('10.0.0.1'), V4('10.0.0.2'));
  assert.equal(addresses.generation('a'), 1);
  answer(V4('10.0.0.2'), V4('10.0.0.1'));
  assert.equal(addresses.generation('a'), 1);
  pass(5_000);
  assert.equal(addresses.generation('a'), 1);
  answer(V4('10.0.0.2'));
  assert.equal(addresses.generation('a'), 2);
  assert.deepEqual([addresses.has('a', '10.0.0.1'), addresses.has('a', '10.0.0.2')], [false, true]);
});
