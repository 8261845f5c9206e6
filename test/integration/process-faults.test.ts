import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { Engine } from '../../src/simulator/engine/engine.ts';
import { sseEvents } from '../fakes/framing.ts';
import { WITHOUT_PRLIMIT } from '../fakes/prlimit.ts';
import { RawClient, rawRequest } from '../fakes/raw-client.ts';
import type { SpawnOptions } from '../fakes/spawn-router.ts';
import { CHAT, chat, chatRequest, errorOf, eventually, Fleet } from './fleet.ts';

type Models = Parameters<typeof Fleet.start>[0];

/**
 * What happens to the process itself. What no client and no engine can do to it (set the clock, fill the memory, put a fault into its code)
 * a module does that is loaded before it, at SIGUSR2.
 */
const start = (t: TestContext, models: Models, config: object, spawn: Omit<SpawnOptions, 'config'>) =>
  Fleet.startFor(t, models, { ...config }, [], spawn);

const src = (path: string) => new URL(`../../src/${path}`, import.meta.url).href;

test('fault 60: without descriptors the router lives on, and accepts again once there are some', {
  skip: WITHOUT_PRLIMIT,
}, async (t) => {
  const fleet = await Fleet.start({ m: [{}] });
  t.after(() => fleet.stop());
  assert.equal((await fleet.chat('m')).status, 200);
  const open = readdirSync(`/proc/${fleet.router.pid}/fd`).length;
  // Taken away behind its back: its own cap, set at its start, does not help here.
  execFileSync('prlimit', ['--pid', String(fleet.router.pid), `--nofile=${open + 10}:${open + 10}`]);
  const clients = await Promise.all(Array.from({ length: 40 }, () => RawClient.open(fleet.url).catch(() => undefined)));
  // A connection that was there before has no descriptor for its backend, or one: either way it gets an answer.
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const client of clients) client?.destroy();
  await eventually(async () => {
    try {
      return (await fleet.chat('m')).status === 200;
    } catch {
      return false;
    }
  });
  assert.equal(fleet.router.child.exitCode, null);
});

test('fault 60: with few descriptors the connections beyond half of them are 503, and there is room again when others leave', {
  skip: WITHOUT_PRLIMIT,
}, async (t) => {
  const fleet = await start(t, { m: [{}] }, {}, { under: ['prlimit', '--nofile=300:300'] });
  const clients = await Promise.all(Array.from({ length: 140 }, () => RawClient.open(fleet.url)));
  // Half of 300, less what is kept for everything else; and a few whose request is read first.
  const limit = 300 / 2 - 64;
  const warning = await fleet.router.logged(({ msg }) => String(msg).startsWith('few files may be open'));
  assert.deepEqual([warning['level'], warning['files'], warning['connections']], ['warn', 300, limit]);
  const spare = 32;
  const refused = clients.length - limit - spare;
  await eventually(() => clients.filter(({ received }) => received.length > 0).length === refused);
  for (const client of clients.filter(({ received }) => received.length > 0)) {
    const answer = await client.response();
    assert.deepEqual([answer.status, errorOf(answer).code], [503, 'overloaded']);
    assert.notEqual(await client.closed(), 'open');
  }
  const waiting = clients.filter(({ end }) => end === 'open');
  assert.equal(waiting.length, limit + spare);
  const answers = await Promise.all(waiting.map((client) => client.request(chatRequest('m'))));
  const beyond = answers.filter(({ status }) => status !== 200);
  assert.equal(beyond.length, spare);
  for (const answer of beyond) {
    assert.deepEqual([answer.status, errorOf(answer).code], [503, 'overloaded']);
    assert.equal(answer.headers['connection'], 'close');
  }
  // As long as the others stay: probes and scrapes are answered, at either listener.
  for (const url of [fleet.url, fleet.router.adminUrl]) {
    const health = await rawRequest(url, { path: '/health' });
    assert.deepEqual([health.status, health.headers['connection']], [200, url === fleet.url ? 'close' : 'keep-alive']);
  }
  assert.equal(await fleet.count('vllm_router_client_rejects_total', 'overloaded'), refused + spare);
  for (const client of clients) client.destroy();
  await eventually(async () => (await fleet.chat('m')).status === 200);
  const line = await fleet.router.logged(({ msg, flag }) => msg === 'request' && flag === 'OM');
  assert.deepEqual([line['status'], line['error']], [503, 'overloaded']);
});

test('fault 61: an hour forth or back on the wall clock moves no timer and ejects nobody', async (t) => {
  const clock = `
    const Real = Date;
    let shift = 0;
    globalThis.Date = class extends Real {
      constructor(...given) {
        super(...(given.length === 0 ? [Real.now() + shift] : given));
      }
      static now() {
        return Real.now() + shift;
      }
    };
    process.on('SIGUSR2', () => {
      shift = shift > 0 ? -3_600_000 : 3_600_000;
    });`;
  const defaults = { health: { interval: '500ms', timeout: '450ms' }, timeouts: { idle: '50s', total: '5m' } };
  const fleet = await start(t, { m: [{}, {}] }, { defaults }, { preload: clock });
  const engines = fleet.of('m');
  const shown = async () => {
    const answer = await fleet.chat('m');
    const { time } = await fleet.router.logged(({ request }) => request === answer.headers['x-request-id']);
    return Math.round((Date.parse(String(time)) - Date.now()) / 60_000);
  };
  for (const minutes of [60, -60]) {
    const stream = await fleet.open('m', { stream: true, max_tokens: 200 });
    await stream.until((received) => received.includes('content'));
    fleet.router.signal('SIGUSR2');
    await eventually(async () => (await shown()) === minutes);
    const checked = engines.map(({ requests }) => requests.filter(({ url }) => url === '/health').length);
    await eventually(() =>
      engines.every(({ requests }, at) => requests.filter(({ url }) => url === '/health').length > checked[at]! + 2),
    );
    for (let count = 0; count < 10; count++) assert.equal((await fleet.chat('m')).status, 200);
    const answer = await stream.response();
    assert.ok(answer.clean);
    assert.equal(sseEvents(answer.body).at(-1)!.data, '[DONE]');
    stream.destroy();
    assert.equal(await fleet.count('vllm_router_backend_state', 'state="ready"'), 2);
    assert.equal(await fleet.count('vllm_router_upstream_failures_total'), 0);
  }
});

test('fault 16: however long a 429 asks for, its backend is asked again after a minute', async (t) => {
  const clock = `
    const { performance } = globalThis;
    const now = performance.now.bind(performance);
    let shift = 0;
    performance.now = () => now() + shift;
    process.on('SIGUSR2', () => {
      shift += 30_000;
      process.stderr.write('shift ' + shift + '\\n');
    });`;
  const defaults = { health: { interval: '0s' }, retry: { attempts: 1 } };
  const fleet = await start(t, { m: [{}, {}] }, { defaults }, { preload: clock });
  const [a, b] = fleet.of('m') as [Engine, Engine];
  a.faults.set({ kind: 'status', status: 429, retryAfter: '300' });
  const asked = () => a.requests.filter(({ method }) => method === 'POST').length;
  const ask = async () => {
    for (let count = 0; count < 4; count++) assert.equal((await fleet.chat('m')).status, 200);
  };
  const after = async (ms: number) => {
    fleet.router.signal('SIGUSR2');
    await eventually(() => fleet.router.noise.includes(`shift ${ms}`));
  };
  await ask();
  assert.equal(asked(), 1);
  a.faults.clear();
  await after(30_000);
  await ask();
  assert.equal(asked(), 1);
  await after(60_000);
  await ask();
  assert.equal(asked(), 3, 'each second one again');
  assert.ok(b.requests.length > 0);
});

test('fault 62: at 92 % of its memory it ends connections, at 95 % it refuses requests; health goes on, and it recovers', async (t) => {
  const memory = `
    import v8 from 'node:v8';
    import { syncBuiltinESMExports } from 'node:module';
    const real = v8.getHeapStatistics;
    const shares = [0.93, 0.96, 0.5];
    let share;
    v8.getHeapStatistics = () => {
      const figures = real();
      return share === undefined ? figures : { ...figures, used_heap_size: share * figures.heap_size_limit };
    };
    syncBuiltinESMExports();
    process.on('SIGUSR2', () => {
      share = shares.shift();
    });`;
  const fleet = await start(t, { m: [{}] }, {}, { preload: memory });
  const level = async (pressure: string) => {
    fleet.router.signal('SIGUSR2');
    await fleet.router.logged(({ msg, pressure: now }) => /memory pressure/.test(msg ?? '') && now === pressure);
  };
  await level('high');
  const high = await fleet.chat('m');
  assert.deepEqual([high.status, high.headers['connection']], [200, 'close']);
  await level('full');
  const full = await fleet.chat('m');
  assert.deepEqual([full.status, errorOf(full).code], [503, 'overloaded']);
  assert.ok(Number(full.headers['retry-after']) <= 5);
  const line = await fleet.router.logged(({ request }) => request === full.headers['x-request-id']);
  assert.equal(line['flag'], 'OM');
  assert.equal((await fleet.request({ path: '/health' })).status, 200);
  await level('none');
  const well = await fleet.chat('m');
  assert.deepEqual([well.status, well.headers['connection']], [200, 'keep-alive']);
});

/** Of which a quarter, 40 MiB, is for long bodies; at SIGUSR2 hardly any of its heap is free. */
const LITTLE_MEMORY = `
  import os from 'node:os';
  import v8 from 'node:v8';
  import { syncBuiltinESMExports } from 'node:module';
  os.totalmem = () => 160 * 2 ** 20;
  process.memoryUsage.rss = () => 0;
  const real = v8.getHeapStatistics;
  let full = false;
  v8.getHeapStatistics = () => {
    const figures = real();
    return full ? { ...figures, used_heap_size: 0.96 * figures.heap_size_limit } : figures;
  };
  syncBuiltinESMExports();
  process.on('SIGUSR2', () => {
    full = true;
  });`;
const LONG = Buffer.from(JSON.stringify(chat('m', { padding: 'x'.repeat(12 * 2 ** 20) })));
const DECLARED = `content-length: ${LONG.length}\r\n`;

/** Clients that send a head and the first bytes of `body`. */
async function begin(fleet: Fleet, count: number, framing: string, body: Buffer, bytes: number): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => RawClient.open(fleet.url)));
  for (const client of clients) {
    client.send(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${framing}\r\n`);
    client.send(body.subarray(0, bytes));
  }
  return clients;
}

async function refusedWithBody(fleet: Fleet, client: RawClient): Promise<void> {
  const answer = await client.response();
  assert.deepEqual([answer.status, errorOf(answer).code], [503, 'overloaded']);
  assert.deepEqual([answer.headers['connection'], answer.headers['retry-after']], ['close', '1']);
  const line = await fleet.router.logged(({ request }) => request === answer.headers['x-request-id']);
  assert.equal(line['flag'], 'OM');
  assert.notEqual(await client.closed(), 'open');
}

test('fault 62: long bodies beyond a quarter of the memory are 503; those within it and short ones are served, and its room comes back', async (t) => {
  const fleet = await start(t, { m: [{}] }, {}, { preload: LITTLE_MEMORY });
  const chunks = [Buffer.from(`${LONG.length.toString(16)}\r\n`), LONG, Buffer.from('\r\n0\r\n\r\n')];
  const cases: readonly (readonly [framing: string, body: Buffer, beginning: number])[] = [
    [DECLARED, LONG, 2 ** 21],
    // Read by `node:http`.
    [`${DECLARED}connection: keep-alive, te\r\n`, LONG, 2 ** 21],
    // Of no declared length: it takes its room as it comes.
    ['transfer-encoding: chunked\r\n', Buffer.concat(chunks), LONG.length],
  ];
  for (const [framing, body, beginning] of [...cases, ...cases]) {
    const clients = await begin(fleet, 7, framing, body, beginning);
    await eventually(() => clients.filter(({ received }) => received.length > 0).length === 4);
    assert.equal((await fleet.chat('m')).status, 200);
    const [within, refused] = [0, 1].map((some) =>
      clients.filter(({ received }) => Math.sign(received.length) === some),
    );
    for (const client of refused!) await refusedWithBody(fleet, client);
    for (const client of within!) client.send(body.subarray(beginning));
    for (const client of within!) assert.equal((await client.response()).status, 200);
    const got = fleet.of('m')[0]!.requests.filter((request) => request.body?.length === LONG.length);
    assert.ok(got.at(-1)!.body!.equals(LONG));
    for (const client of within!) client.destroy();
  }
});

test('fault 62: at 95 % a body that is not nearly complete is read no further', async (t) => {
  const most = LONG.length - 2 ** 19;
  const seen = `
    const { PlainBody } = await import('${src('proxy/client/plain-body.ts')}');
    const { readInPlace } = PlainBody.prototype;
    PlainBody.prototype.readInPlace = function (count) {
      readInPlace.call(this, count);
      if (this.received === ${most}) process.stderr.write('nearly complete\\n');
    };`;
  const fleet = await start(t, { m: [{}] }, {}, { preload: LITTLE_MEMORY + seen });
  const nodes = `${DECLARED}connection: keep-alive, te\r\n`;
  const few = await Promise.all([DECLARED, nodes].map((framing) => begin(fleet, 1, framing, LONG, 2 ** 21)));
  const [nearly] = await begin(fleet, 1, DECLARED, LONG, most);
  await eventually(() => fleet.router.noise.includes('nearly complete'));
  fleet.router.signal('SIGUSR2');
  await fleet.router.logged(({ pressure }) => pressure === 'full');
  for (const client of few.flat()) {
    client.send(LONG.subarray(2 ** 21, 2 ** 21 + 1000));
    await refusedWithBody(fleet, client);
  }
  nearly!.send(LONG.subarray(most));
  assert.equal((await nearly!.response()).status, 200);
});

test('fault 63: what is thrown in one request is its 500, or the end of its stream, and no other’s', async (t) => {
  const bugs = `
    const { RoundRobin } = await import('${src('algorithms/round-robin.ts')}');
    const { StreamObserver } = await import('${src('proxy/stream-observer.ts')}');
    const { pick } = RoundRobin.prototype;
    RoundRobin.prototype.pick = function (candidates, request, ...rest) {
      if (request.model === 'broken') throw new TypeError('a fault of ours');
      return pick.call(this, candidates, request, ...rest);
    };
    const { observe } = StreamObserver.prototype;
    let armed = false;
    process.on('SIGUSR2', () => {
      armed = true;
    });
    StreamObserver.prototype.observe = function (text) {
      if (armed) {
        armed = false;
        throw new TypeError('another fault of ours');
      }
      observe.call(this, text);
    };`;
  const fleet = await start(t, { m: [{}], broken: [{}] }, {}, { preload: bugs });
  const plain = fleet.chat('m', { max_tokens: 200 });
  const answer = await fleet.chat('broken');
  assert.deepEqual([answer.status, errorOf(answer).code], [500, 'internal_error']);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.ok(!answer.raw.includes('fault of ours'));
  const said = await fleet.router.logged(
    ({ msg, level }) => level === 'error' && /failed in the router/.test(msg ?? ''),
  );
  assert.equal(said['request'], answer.headers['x-request-id']);
  assert.match(JSON.stringify(said['err']), /a fault of ours/);
  assert.equal(await fleet.count('vllm_router_client_rejects_total', 'internal_error'), 1);

  const stream = await fleet.open('m', { stream: true, max_tokens: 2_000 });
  await stream.until((received) => received.includes('content'));
  fleet.router.signal('SIGUSR2');
  const cut = await stream.response();
  assert.equal(cut.clean, false);
  assert.ok(!cut.body.includes('[DONE]'));
  assert.equal((await plain).status, 200);
  assert.equal((await fleet.chat('m', { stream: true })).status, 200);
  await eventually(() => fleet.of('m')[0]!.running === 0);
  assert.equal(await fleet.count('vllm_router_inflight_requests'), 0);
});

test('fault 64: a fault that nobody caught ends the process with code 1, its streams cut, and the last word in the log', async (t) => {
  const crash = `process.on('SIGUSR2', () => { throw new Error('nobody caught this'); });`;
  const fleet = await start(t, { m: [{}] }, {}, { preload: crash });
  assert.equal((await fleet.chat('m')).status, 200);
  const stream = await fleet.open('m', { stream: true, max_tokens: 2_000 });
  await stream.until((received) => received.includes('content'));
  const { child } = fleet.router;
  const closed = once(child, 'close');
  fleet.router.signal('SIGUSR2');
  await closed;
  assert.equal(child.exitCode, 1);
  assert.equal((await stream.response()).clean, false);
  await eventually(() => fleet.of('m')[0]!.running === 0);
  const last = fleet.router.logs.find(({ level }) => level === 'fatal');
  assert.match(JSON.stringify(last?.['err']), /nobody caught this/);
  // What had ended before has its line, too, though lines are gathered.
  assert.equal(fleet.router.logs.filter(({ msg, status }) => msg === 'request' && status === 200).length, 1);
});

test('fault 64: while it drains it serves as before, and asks each connection to end', async (t) => {
  const fleet = await start(t, { m: [{}], failing: [{}, {}] }, { shutdown: { delay: '60s', drain: '60s' } }, {});
  const before = await fleet.chat('m');
  assert.equal(before.headers['connection'], 'keep-alive');
  const stream = fleet.chat('m', { stream: true, max_tokens: 400 });
  await eventually(() => fleet.of('m')[0]!.running === 1);
  const exited = once(fleet.router.child, 'exit');
  fleet.router.signal('SIGTERM');
  await fleet.router.logged(({ msg }) => msg === 'draining');
  for (const more of [{}, { stream: true }]) {
    const answer = await fleet.chat('m', more);
    assert.deepEqual([answer.status, answer.clean, answer.headers['connection']], [200, true, 'close']);
  }
  // Failover works as ever.
  await fleet.of('failing')[0]!.kill();
  for (let count = 0; count < 4; count++) assert.equal((await fleet.chat('failing')).status, 200);
  const ready = await fleet.request({ path: '/ready' });
  assert.deepEqual([ready.status, errorOf(ready).code], [503, 'not_ready']);
  assert.equal((await fleet.request({ path: '/health' })).status, 200);
  assert.ok((await stream).clean);
  // Nothing runs that a second signal could cut.
  fleet.router.signal('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});
