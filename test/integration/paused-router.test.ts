import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Engine } from '../../src/simulator/engine/engine.ts';
import { sseEvents } from '../fakes/framing.ts';
import { RawClient, requestBytes } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { CHAT, chatRequest, eventually, Fleet } from './fleet.ts';

/**
 * A router that is stopped, as with its container, a virtual machine or a laptop. When it goes on, every timer that ended meanwhile fires
 * before the first socket is read: what looks like silence lies in the kernel. A pause can be no shorter than the times it has to outlast.
 */
async function paused(router: SpawnedRouter, ms: number, meanwhile: () => unknown = () => {}): Promise<void> {
  router.signal('SIGSTOP');
  await meanwhile();
  await new Promise((resolve) => setTimeout(resolve, ms));
  router.signal('SIGCONT');
}

const accusations = ({ logs }: SpawnedRouter) =>
  logs.filter(({ msg }) => msg?.startsWith('backend is given up') || msg === 'backend is unhealthy');

/** An engine whose answers to these paths are written when the test says so. */
async function heldEngine(t: TestContext, ...paths: readonly string[]) {
  const held = new Map<string, ServerResponse[]>(paths.map((path) => [path, []]));
  const answer = (path: string, response: ServerResponse) => {
    const body = { choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }] };
    response.setHeader('content-type', 'application/json');
    response.end(path === CHAT ? JSON.stringify(body) : '');
  };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const list = held.get(request.url!);
      if (list === undefined) answer(request.url!, response);
      else list.push(response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: (path: string) => eventually(() => held.get(path)!.length > 0),
    release: () => {
      for (const [path, list] of held) for (const response of list) answer(path, response);
      held.clear();
    },
  };
}

async function routerFor(t: TestContext, urls: readonly string[], defaults: object): Promise<SpawnedRouter> {
  const backends = urls.map((url) => ({ url, models: ['m'] }));
  const config = configFor(backends, {
    logging: { format: 'json' },
    defaults: { algorithm: { type: 'least-load' }, ...defaults },
  });
  const router = await spawnRouter({ config });
  t.after(() => router.stop('SIGKILL'));
  return router;
}

async function chatAt(router: SpawnedRouter): Promise<number> {
  const client = await RawClient.open(router.url);
  const { status } = await client.request(chatRequest('m'));
  client.destroy();
  return status;
}

test('fault 61: the router stands still for longer than its times: no stream is cut, no request fails, nobody is ejected', async (t) => {
  const defaults = {
    health: { interval: '100ms', timeout: '90ms', unhealthyAfter: 1 },
    timeouts: { idle: '1s', firstByte: '1s' },
  };
  const fleet = await Fleet.startFor(t, { m: [{}, {}] }, { defaults });
  const streams = await Promise.all([1, 2, 3, 4].map(() => fleet.open('m', { stream: true, max_tokens: 100 })));
  for (const stream of streams) await stream.until((received) => received.includes('content'));
  // In this order the router has accepted the first when it answers the second.
  const [silent, used] = [await RawClient.open(fleet.url), await RawClient.open(fleet.url)];
  assert.equal((await used.request(chatRequest('m'))).status, 200);
  // A head may take ten seconds.
  await paused(fleet.router, 11_500, async () => {
    for (const client of [silent, used]) client.send(requestBytes(chatRequest('m'), client.host));
    streams.push(await fleet.open('m', { stream: true }));
  });
  for (const client of [silent, used]) assert.equal((await client.response()).status, 200);
  for (const stream of streams) {
    const answer = await stream.response();
    assert.ok(answer.clean, answer.body.toString().slice(-300));
    assert.equal(sseEvents(answer.body).at(-1)!.data, '[DONE]');
  }
  for (const client of [silent, used, ...streams]) client.destroy();
  assert.deepEqual(accusations(fleet.router), []);
  assert.equal(await fleet.count('vllm_router_backend_state', 'state="ready"'), 2);
  assert.equal(await fleet.count('vllm_router_upstream_failures_total'), 0);
});

test('fault 61: behind a pause an engine whose first token has come, and is not read yet, does not begin too late', async (t) => {
  const fleet = await Fleet.startFor(t, { m: [{}, {}] }, { defaults: { algorithm: { type: 'least-load' } } });
  const [first, second] = fleet.of('m');
  const asked = (engine: Engine) => engine.requests.some(({ url }) => url === CHAT);
  for (const engine of [first!, second!]) engine.faults.set({ kind: 'slow', at: 'request', ms: 1_000, count: 1 });
  const waiting = fleet.chat('m', { stream: true });
  await eventually(() => asked(first!) || asked(second!));
  (asked(first!) ? second! : first!).faults.clear();
  for (let count = 0; count < 4; count++) assert.equal((await fleet.chat('m', { stream: true })).status, 200);
  await paused(fleet.router, 3_000);
  const answer = await waiting;
  assert.ok(answer.clean);
  assert.deepEqual(accusations(fleet.router), []);
  assert.equal(await fleet.count('vllm_router_upstream_failures_total'), 0);
});

test('fault 61: a suspect that answered while the router stood still is not given up', async (t) => {
  const suspect = await heldEngine(t, CHAT, '/health');
  const other = await heldEngine(t);
  const router = await routerFor(t, [suspect.url, other.url], {
    health: { interval: '0s' },
    algorithm: { type: 'round-robin' },
  });
  const both = [chatAt(router), chatAt(router)];
  // After half a second of silence.
  await suspect.asked('/health');
  await paused(router, 3_000, suspect.release);
  assert.deepEqual(await Promise.all(both), [200, 200]);
  assert.deepEqual(accusations(router), []);
});

test('fault 61: a health check that was answered while the router stood still has not failed', async (t) => {
  const engine = await heldEngine(t, '/health');
  const router = await routerFor(t, [engine.url], { health: { interval: '50ms', timeout: '1s', unhealthyAfter: 1 } });
  await engine.asked('/health');
  await paused(router, 3_000, engine.release);
  assert.equal(await chatAt(router), 200);
  await router.logged(({ msg }) => msg === 'request');
  assert.deepEqual(accusations(router), []);
});
