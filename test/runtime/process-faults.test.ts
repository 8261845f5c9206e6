import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ListenerConfig } from '../../src/config/config.ts';
import { ConnectionCap, openFileLimit } from '../../src/runtime/connection-cap.ts';
import { Listener } from '../../src/runtime/listener.ts';
import { MemoryPressure } from '../../src/runtime/memory-pressure.ts';
import { startEngine } from '../../src/simulator/engine/engine.ts';
import { RawClient, rawRequest } from '../fakes/raw-client.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { chatRequest, errorOf } from '../integration/fleet.ts';
import { startRouter } from './in-process.ts';

const CONFIG: ListenerConfig = {
  name: 'public',
  host: '127.0.0.1',
  port: 0,
  serve: ['health'],
  maxBodySize: 1_000,
  allowExplain: false,
};

async function listen(t: TestContext, cap: ConnectionCap, times = {}): Promise<string> {
  const listener = new Listener(
    CONFIG,
    (request, response) => {
      request.resume();
      request.on('end', () => response.end('ok'));
    },
    () => false,
    cap,
    times,
  );
  await listener.open();
  t.after(() => listener.destroy());
  return `http://127.0.0.1:${listener.address.port}`;
}

async function engineOf(t: TestContext) {
  const engine = await startEngine({ models: ['m'] });
  t.after(() => engine.kill());
  return engine;
}

test('fault 48: who sends a head or a body too slowly is 408', async (t) => {
  const times = { connectionsCheckingInterval: 50, headersTimeout: 200, requestTimeout: 400 };
  const url = await listen(t, new ConnectionCap(100), times);
  for (const bytes of [
    'POST / HTTP/1.1\r\nhost: x\r\n',
    'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhello',
  ]) {
    const client = await RawClient.open(url);
    client.send(bytes);
    const answer = await client.response();
    assert.deepEqual([answer.status, errorOf(answer).code], [408, 'request_timeout']);
    assert.equal(answer.headers['connection'], 'close');
    await client.closed();
  }
});

test('a client whose machine is gone is noticed: its connections have the system’s keep-alive', {
  skip: existsSync('/proc/net/tcp') ? false : 'no /proc/net/tcp here',
}, async (t) => {
  const url = await listen(t, new ConnectionCap(10));
  const client = await RawClient.open(url);
  assert.equal((await client.request({ path: '/' })).status, 200);
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0');
  // Columns: number, local, remote, state, queues, timer: 02 is that of keep-alive.
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  const row = rows.find(([, local, , state]) => local?.endsWith(`:${port}`) && state === '01');
  assert.match(row?.[5] ?? '', /^02:/);
  client.destroy();
});

test('fault 60: one connection too many is 503, and there is room again when others leave', async (t) => {
  const url = await listen(t, new ConnectionCap(3, { spare: 0, own: 0 }));
  const held = await Promise.all([RawClient.open(url), RawClient.open(url), RawClient.open(url)]);
  const extra = await RawClient.open(url);
  const answer = await extra.response();
  assert.deepEqual([answer.status, errorOf(answer).code], [503, 'overloaded']);
  assert.equal(await extra.closed(), 'fin');
  for (const client of held) assert.equal((await client.request({ path: '/' })).status, 200);
  held[0]!.destroy();
  for (;;) {
    const again = await RawClient.open(url);
    again.send('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    const { status } = await again.response();
    again.destroy();
    if (status === 200) break;
  }
  for (const client of held) client.destroy();
});

test('fault 60: connections are capped below half of the open files', () => {
  const file = join(temporaryFolder('limits'), 'limits');
  writeFileSync(
    file,
    'Limit Soft Hard Units\nMax open files            1024                 4096                 files\n',
  );
  assert.equal(openFileLimit(file), 1_024);
  writeFileSync(file, 'Max open files            unlimited            unlimited            files\n');
  assert.ok(openFileLimit(file) > 100_000);
  assert.equal(openFileLimit('/nowhere'), 1_024);
  assert.ok(new ConnectionCap().limit < openFileLimit() / 2);
});

test('memory pressure has its levels where Envoy has them', () => {
  let used = 0;
  const heard: string[] = [];
  const pressure = new MemoryPressure(
    (level) => heard.push(level),
    () => used,
  );
  for (used of [0.91, 0.92, 0.94, 0.95, 0.99, 0.93, 0.5]) pressure.look();
  pressure.stop();
  assert.deepEqual(heard, ['high', 'full', 'high', 'none']);
});

test('fault 63: what is thrown in one request is that request’s 500, and no other’s', async (t) => {
  const engine = await engineOf(t);
  const { url, router } = await startRouter(t, [{ url: engine.url, models: ['m'] }]);
  const { algorithm } = router.snapshot!.routes[0]!;
  const { pick } = algorithm;
  algorithm.pick = () => {
    throw new Error('boom');
  };
  const answer = await rawRequest(url, chatRequest('m'));
  assert.deepEqual([answer.status, errorOf(answer).code], [500, 'internal_error']);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.ok(!answer.body.includes('boom'));
  algorithm.pick = pick;
  // In the middle of an answer, on a socket's callback, where nobody awaits anything.
  algorithm.observe = () => {
    throw new Error('boom');
  };
  const warned = new Promise((resolve) => process.once('warning', resolve));
  assert.equal((await rawRequest(url, chatRequest('m', { stream: true }))).status, 200);
  await warned;
  assert.equal(router.registry.backends[0]!.load.inflight, 0);
});
