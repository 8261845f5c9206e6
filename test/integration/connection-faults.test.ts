import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { RawResponse } from '../fakes/raw-client.ts';
import { scripted } from '../proxy/upstream/scripted.ts';
import { errorOf, Fleet } from './fleet.ts';

/** Backends that a simulated engine cannot be: servers whose bytes and connections are in the test's hands. */
type Script = (socket: Socket, connection: number) => void;
type Backend = Awaited<ReturnType<typeof scripted>>;

const JSON_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
const BODY = '{"object":"chat.completion","choices":[{"index":0,"finish_reason":"stop","message":{"content":"hi"}}]}';
const whole = (body = BODY) => `${JSON_HEAD}content-length: ${body.length}\r\n\r\n${body}`;
const GZIPPED = gzipSync(BODY);
const LONG = 200_000;

const SCRIPTS: Readonly<Record<string, Script>> = {
  ending: (socket) => socket.end(),
  'ending-once': (socket) => socket.end(),
  // Serves each connection once; a second request on it finds it gone, as with an engine's keep-alive that has just run out.
  stale: (socket, connection) => {
    if (served.has(socket)) socket.destroy();
    else socket.write(whole(`${BODY.slice(0, -1)},"connection":${connection}}`));
    served.add(socket);
  },
  stray: (socket) => socket.write(whole()),
  'short-length': (socket) => socket.end(`${JSON_HEAD}content-length: ${BODY.length + 1}\r\n\r\n${BODY}`),
  'short-chunks': (socket) =>
    socket.end(`${JSON_HEAD}transfer-encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n`),
  'short-long': (socket) =>
    socket.end(`${JSON_HEAD}content-length: ${LONG + 1}\r\n\r\n{"text":"${'x'.repeat(LONG - 11)}"}`),
  gzip: (socket) => {
    socket.write(`${JSON_HEAD}content-encoding: gzip\r\ncontent-length: ${GZIPPED.length}\r\n\r\n`);
    socket.write(GZIPPED);
  },
};
const served = new WeakSet<Socket>();
const cleanups: (() => unknown)[] = [];
const backends = new Map<string, Backend>();
let fleet: Fleet;

before(async () => {
  const t = { after: (cleanup: () => unknown) => void cleanups.push(cleanup) };
  for (const [name, script] of Object.entries(SCRIPTS)) {
    const answer = (socket: Socket, request: string, connection: number) => {
      if (request.startsWith('POST')) script(socket, connection);
      else socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
    };
    backends.set(name, await scripted(t as never, answer));
  }
  // A TLS handshake that nobody answers: a SYN that nobody answers cannot be had on loopback.
  const mute = [await scripted(t as never, () => {}), await scripted(t as never, () => {})];
  const [slow, slower] = mute.map(({ url }) => url.replace('http:', 'https:'));
  const policy = (model: string, more: object) => ({ name: model, match: { models: [model] }, ...more });
  fleet = await Fleet.start(
    { named: [{}], connecting: [{}] },
    {
      defaults: { health: { interval: '0s' }, timeouts: { connect: '200ms' } },
      routes: [policy('ending-once', { retry: { attempts: 0 } }), { name: 'rest', match: {} }],
    },
    [
      ...[...backends].map(([model, { url }]) => ({ url, models: [model] })),
      { url: 'http://nowhere.invalid:80', models: ['named', 'unnamed'] },
      { url: slow!, models: ['connecting', 'unconnected'] },
      { url: slower!, models: ['unconnected'] },
    ],
  );
});
after(async () => {
  await fleet?.stop();
  for (const cleanup of cleanups) await cleanup();
});

const failures = (server: string, reason: string) =>
  fleet.count('vllm_router_upstream_failures_total', server, `reason="${reason}"`);
const told = (answer: RawResponse) => [answer.status, errorOf(answer).code];
const ready = (server: string) => fleet.count('vllm_router_backend_state', server, 'state="ready"');

test('fault 1: a name that nobody knows goes to another backend; alone it is 503 backend_unavailable', async () => {
  for (let count = 0; count < 4; count++) assert.equal((await fleet.chat('named')).status, 200);
  assert.ok((await failures('nowhere.invalid', 'connect_failed')) >= 1);
  const alone = await fleet.chat('unnamed');
  assert.deepEqual(told(alone), [503, 'backend_unavailable']);
  assert.ok(Number(alone.headers['retry-after']) <= 5);
  assert.equal((await fleet.line('unnamed'))['flag'], 'UF');
  // Each is a failure of the backend; with five in a row it is out.
  for (let count = 0; count < 5; count++) await fleet.chat('unnamed');
  assert.equal(await fleet.count('vllm_router_backend_state', 'nowhere.invalid', 'state="ejected"'), 1);
});

test('fault 2: a connect that takes too long goes to another backend; alone it is 503 backend_unavailable', async () => {
  for (let count = 0; count < 2; count++) assert.equal((await fleet.chat('connecting')).status, 200);
  assert.equal((await fleet.line('connecting', 2))['status'], 200);
  assert.ok((await failures('https://', 'connect_timeout')) >= 1);
  const none = await fleet.chat('unconnected');
  assert.deepEqual(told(none), [503, 'backend_unavailable']);
  assert.ok(Number(none.headers['retry-after']) <= 5);
  const line = await fleet.line('unconnected');
  assert.deepEqual([line['flag'], line['attempts'], line['error']], ['UF', 2, 'backend_unavailable']);
});

test('fault 3: a request that may have been begun is not repeated where the route says so', async () => {
  assert.deepEqual(told(await fleet.chat('ending-once')), [502, 'backend_disconnected']);
  const { requests, url } = backends.get('ending-once')!;
  assert.equal(requests.filter((request) => request.startsWith('POST')).length, 1);
  assert.equal(await failures(url, 'disconnected'), 1);
  const line = await fleet.line('ending-once');
  assert.deepEqual([line['status'], line['flag'], line['attempts']], [502, 'UC', 1]);
  assert.deepEqual(told(await fleet.chat('ending')), [502, 'backend_disconnected']);
});

test('fault 4: a reused connection that ends without a byte is nobody’s failure: a fresh one is tried at once', async () => {
  const { url, requests, sockets } = backends.get('stale')!;
  for (let count = 0; count < 8; count++) {
    const answer = await fleet.chat('stale');
    assert.equal(answer.status, 200);
    // Not once is it the connection of the request before.
    assert.equal(JSON.parse(answer.body.toString()).connection, sockets.length);
  }
  // Seven of the eight were sent to a connection that had served one before.
  assert.equal(requests.filter((request) => request.startsWith('POST')).length, 15);
  assert.equal((await fleet.line('stale', 8))['attempts'], 1);
  assert.equal(await fleet.count('vllm_router_upstream_failures_total', url), 0);
  assert.equal(await fleet.count('vllm_router_attempts_total', url), 8);
  assert.equal(await ready(url), 1);
});

test('fault 5: what a backend sends on an idle connection ends it and never answers the next request', async () => {
  const { url, sockets } = backends.get('stray')!;
  for (let count = 0; count < 3; count++) {
    assert.equal((await fleet.chat('stray')).body.toString(), BODY);
    const socket = sockets.at(-1)!;
    const closed = once(socket, 'close');
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n"bad"');
    await closed;
    const answer = await fleet.chat('stray');
    assert.equal(answer.body.toString(), BODY);
    assert.notEqual(sockets.at(-1), socket);
  }
  assert.equal(await fleet.count('vllm_router_upstream_failures_total', url), 0);
  assert.equal(await ready(url), 1);
});

for (const model of ['short-length', 'short-chunks']) {
  test(`fault 10: an answer cut short (${model}) of which nothing was sent is 502 backend_disconnected`, async () => {
    assert.deepEqual(told(await fleet.chat(model)), [502, 'backend_disconnected']);
    assert.equal(await failures(backends.get(model)!.url, 'truncated'), 1);
    assert.equal((await fleet.line(model))['flag'], 'UC');
  });
}

test('fault 10: an answer cut short behind its first bytes is cut at the client, too', async () => {
  const answer = await fleet.chat('short-long');
  assert.deepEqual([answer.status, answer.clean], [200, false]);
  assert.ok(answer.body.length > 64 * 1024 && answer.body.length <= LONG);
  assert.equal((await fleet.line('short-long'))['flag'], 'UC');
  assert.equal(await failures(backends.get('short-long')!.url, 'truncated'), 1);
});

test('fault 21: what comes compressed all the same goes through as it is', async () => {
  const answer = await fleet.chat('gzip');
  assert.equal(answer.headers['content-encoding'], 'gzip');
  assert.deepEqual(answer.body, GZIPPED);
  assert.match(
    backends.get('gzip')!.requests.find((request) => request.startsWith('POST'))!,
    /accept-encoding: identity\r\n/i,
  );
});
