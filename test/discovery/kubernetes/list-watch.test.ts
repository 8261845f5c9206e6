import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/discovery/kubernetes/limits.ts';
import { ListWatch, type ListWatchOptions } from '../../../src/discovery/kubernetes/list-watch.ts';
import { FakeApi } from './fake-api.ts';

interface Thing {
  readonly metadata: { readonly name: string };
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(options: Partial<ListWatchOptions<Thing>> = {}, tokens?: string[]) {
  const fake = await FakeApi.start();
  if (tokens) fake.tokens = tokens;
  const seen: string[] = [];
  const log: string[] = [];
  let wake = () => {};
  const note = (text: string) => {
    seen.push(text);
    wake();
  };
  const say = (level: string) => (_: object, message: string) => log.push(`${level} ${message}`);
  const loop = new ListWatch<Thing>({
    api: fake.api,
    resource: 'pods',
    path: '/api/v1/namespaces/ns/pods',
    labelSelector: 'a=b',
    reduce: (raw) => raw as Thing,
    feed: {
      listed: (all) => note(`[${all.map((one) => one.metadata.name)}]`),
      event: (type, one) => note(`${type} ${one.metadata.name}`),
    },
    resync: 300_000,
    limits: DEFAULT_LIMITS,
    log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
    observer: {
      listed: (_, reason) => note(`listed ${reason}`),
      apiError: (_, verb, code) => note(`${verb} failed ${code}`),
    },
    contact: () => {},
    random: () => 0,
    now: () => performance.now(),
    ...options,
  });
  const stopping = new AbortController();
  const running = loop.run(stopping.signal);
  cleanups.push(async () => {
    stopping.abort();
    await running;
    await fake.stop();
  });
  const until = async (text: string) => {
    while (!seen.includes(text)) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { fake, seen, log, loop, running, until };
}

const thing = (name: string, resourceVersion: string) => ({ metadata: { name, resourceVersion } });
const added = (name: string, version: string) => ({ type: 'ADDED', object: thing(name, version) });
const bookmark = (resourceVersion: string) => ({ type: 'BOOKMARK', object: { metadata: { resourceVersion } } });

test('lists from the cache of the server and watches from there, with bookmarks', async () => {
  const { fake, seen, until } = await setUp();
  const list = await fake.next('list');
  assert.equal(list.url.pathname, '/api/v1/namespaces/ns/pods');
  assert.equal(list.url.searchParams.get('resourceVersion'), '0');
  assert.equal(list.url.searchParams.get('labelSelector'), 'a=b');
  list.list('7', thing('a', '5'));
  const watch = await fake.next('watch');
  const query = Object.fromEntries(watch.url.searchParams);
  assert.deepEqual(query, {
    watch: '1',
    resourceVersion: '7',
    allowWatchBookmarks: 'true',
    // 290 s at most, jittered.
    timeoutSeconds: '232',
    labelSelector: 'a=b',
  });
  watch.watch(added('b', '8'));
  await until('ADDED b');
  assert.deepEqual(seen, ['listed start', '[a]', 'ADDED b']);
});

test('goes on from the last version after a clean end, bookmarks counted, without a list', async () => {
  const { fake, seen, until } = await setUp();
  (await fake.next('list')).list('7');
  const first = await fake.next('watch');
  first.watch(added('a', '8'), bookmark('20'));
  await until('ADDED a');
  first.response.end();
  const second = await fake.next('watch');
  assert.equal(second.url.searchParams.get('resourceVersion'), '20');
  assert.deepEqual(seen, ['listed start', '[]', 'ADDED a']);
});

test('forgets the version after anything that is no clean end', async () => {
  const broken: [string, (watch: Awaited<ReturnType<FakeApi['next']>>) => void][] = [
    ['watch failed stream', (watch) => void setImmediate(() => watch.response.destroy())],
    ['watch failed protocol', (watch) => watch.response.write('nonsense\n')],
    ['watch failed 500', (watch) => watch.response.write('{"type":"ERROR","object":{"code":500,"message":"x"}}\n')],
    ['watch failed 410', (watch) => watch.response.write('{"type":"ERROR","object":{"code":410,"message":"old"}}\n')],
    ['watch failed stream', (watch) => watch.response.end('{"type":"ADDED","obj')],
  ];
  for (const [error, breaks] of broken) {
    const { fake, seen, until } = await setUp();
    (await fake.next('list')).list('7');
    const watch = await fake.next('watch');
    watch.watch(added('a', '8'));
    await until('ADDED a');
    breaks(watch);
    const list = await fake.next('list');
    assert.equal(list.url.searchParams.get('resourceVersion'), '0');
    list.list('3');
    await fake.next('watch');
    const reason = error.endsWith('410') ? 'gone' : 'watch_error';
    assert.deepEqual(seen, ['listed start', '[]', 'ADDED a', error, `listed ${reason}`, '[]']);
  }
});

test('fault 57: a watch refused with 410 is cured by a list', async () => {
  const { fake, until } = await setUp();
  (await fake.next('list')).list('7');
  (await fake.next('watch')).status(410, 'too old');
  (await fake.next('list')).list('9');
  await until('listed gone');
  assert.equal((await fake.next('watch')).url.searchParams.get('resourceVersion'), '9');
});

test('a refused token is read again at once, and only an unchanged one is a failure', async () => {
  const { fake, seen, until } = await setUp({}, ['old', 'new']);
  const first = await fake.next('list');
  assert.equal(first.authorization, 'Bearer old');
  first.status(401, 'Unauthorized');
  const second = await fake.next('list');
  assert.equal(second.authorization, 'Bearer new');
  assert.deepEqual(seen, []);
  second.status(401, 'Unauthorized');
  await until('list failed 401');
});

test('lists again when its time has come, at the end of a watch that was asked to end by then', async () => {
  const { fake, seen } = await setUp({ resync: 1000 });
  (await fake.next('list')).list('7');
  const watch = await fake.next('watch');
  assert.equal(watch.url.searchParams.get('timeoutSeconds'), '1');
  watch.watch();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  watch.response.end();
  (await fake.next('list')).list('7');
  await fake.next('watch');
  assert.deepEqual(seen, ['listed start', '[]', 'listed resync', '[]']);
});

test('says what is missing once, and when it is there again', async () => {
  const { fake, log, loop } = await setUp({ limits: { ...DEFAULT_LIMITS, maxRetry: 10 } });
  for (let i = 0; i < 3; i++) (await fake.next('list')).status(403, 'pods is forbidden: User "x" cannot list');
  const list = await fake.next('list');
  assert.match(loop.trouble, /cannot list pods: HTTP 403: pods is forbidden/);
  list.list('7');
  const watch = await fake.next('watch');
  watch.watch(bookmark('8'));
  watch.response.end();
  await fake.next('watch');
  assert.equal(loop.trouble, '');
  assert.match(log.find((line) => line.startsWith('warn'))!, /; \/ready is 503 until it can$/);
  assert.deepEqual(
    log.filter((line) => !line.startsWith('debug')).map((line) => line.slice(0, 61)),
    ['warn discovery: cannot list pods: HTTP 403: pods is forbidden', 'info discovery: pods are followed again'],
  );
});

test('what is given up ends the loop without a word', async () => {
  const { fake, log, running } = await setUp({ failed: (error) => (error.code === 403 ? 'give up' : undefined) });
  (await fake.next('list')).status(403);
  await running;
  assert.deepEqual(
    log.filter((line) => !line.startsWith('debug')),
    [],
  );
});

test('a bug in what handles an object ends nothing', async () => {
  const seen: string[] = [];
  const { fake, log } = await setUp({
    reduce: (raw) => {
      const one = raw as Thing;
      if (one.metadata.name === 'odd') throw new TypeError('bug');
      return one;
    },
    feed: {
      listed: (all) => {
        seen.push(`[${all.map((one) => one.metadata.name)}]`);
        throw new Error('bug');
      },
      event: () => {
        throw new Error('bug');
      },
    },
  });
  (await fake.next('list')).list('7', thing('odd', '1'), thing('a', '2'));
  const watch = await fake.next('watch');
  watch.watch(added('b', '8'));
  watch.response.end();
  assert.equal((await fake.next('watch')).url.searchParams.get('resourceVersion'), '8');
  assert.deepEqual(seen, ['[a]']);
  assert.equal(log.filter((line) => line.startsWith('error')).length, 3);
});

test('a server that is silent in a list, or in a watch, is left', async () => {
  const limits = { ...DEFAULT_LIMITS, list: 100, watchIdle: 100 };
  const { fake, seen, until } = await setUp({ limits });
  await fake.next('list');
  (await fake.next('list')).list('7');
  (await fake.next('watch')).watch();
  await until('watch failed timeout');
  assert.deepEqual(seen, ['list failed timeout', 'listed list_error', '[]', 'watch failed timeout']);
});

test('a server that ends every watch at once is not asked without a pause', async () => {
  const { fake } = await setUp();
  (await fake.next('list')).list('7');
  const began = performance.now();
  for (let i = 0; i < 5; i++) {
    const watch = await fake.next('watch');
    watch.watch();
    watch.response.end();
  }
  // 100 + 200 + 400 + 800 ms.
  assert.ok(performance.now() - began > 1400);
});
