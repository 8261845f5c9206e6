import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { configFor, type SpawnedRouter, spawnRouter, type TestBackend } from '../fakes/spawn-router.ts';
import { agent, arrivals, type Outcome, send } from './load.ts';

const STREAMS = 200;
const RELOADS = 20;
let engines: Engine[];
let router: SpawnedRouter;
/** Answers each request of `broken` with a 500. */
const broken = createServer((request, response) => {
  request.resume();
  response.writeHead(500, { 'content-length': 0 }).end();
});
let brokenUrl: string;

before(async () => {
  engines = await Promise.all([1, 2].map(() => startEngine({ models: ['m'], decodeRate: 5, prefillRate: 1e6 })));
  await new Promise<void>((done) => broken.listen(0, '127.0.0.1', done));
  brokenUrl = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`;
  router = await spawnRouter({ config: config([...fleet(), bad()]) });
});

after(async () => {
  await router?.stop('SIGKILL');
  await Promise.all(engines.map((engine) => engine.kill()));
  broken.close();
  agent.destroy();
});

const fleet = () => engines.map(({ url }) => ({ url, models: ['m'] }));
const bad = () => ({ url: brokenUrl, models: ['broken'] });

function config(backends: readonly TestBackend[], attempts = 1): Record<string, unknown> {
  return configFor(backends, {
    logging: { format: 'json', access: false },
    reload: { debounce: '20ms', drain: '1m' },
    defaults: {
      retry: { attempts },
      health: { interval: '0s' },
      circuitBreaker: { failures: 3, openFor: '10m', maxOpenFor: '10m', maxEjected: 1 },
    },
  });
}

async function metric(...parts: string[]): Promise<number> {
  const text = await (await fetch(`${router.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => !line.startsWith('#') && parts.every((part) => line.includes(part)));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

const failed = (outcomes: readonly Outcome[]) =>
  outcomes.filter(({ status, clean }) => status !== 200 || !clean).slice(0, 3);

test('20 reloads, and as many refused ones, under 200 streams and steady requests: 0 failed, 0 cut', async () => {
  let over = false;
  const outcomes: Outcome[] = [];
  // Always 200 open: they begin at different lengths so that some end within each reload.
  const streams = Array.from({ length: STREAMS }, async (_, index) => {
    for (let tokens = 2 + (index % 20); !over; tokens = 20) {
      outcomes.push(await send(router.url, 'm', { stream: true, max_tokens: tokens }));
    }
  });
  const steady = arrivals(40, 3_000, () => send(router.url, 'm', { max_tokens: 1 }));

  try {
    for (let round = 0; round < RELOADS; round++) {
      // One of the two engines leaves and comes back, in turn.
      const kept = round % 2 === 0 ? fleet().filter((_, index) => index === (round / 2) % 2) : fleet();
      const applied = await router.reload(config([...kept, bad()], round % 3), ({ msg }) => msg === 'config applied');
      assert.ok(Array.isArray(applied['changed']), 'the line says what changed');
      const before = await (await fetch(`${router.adminUrl}/admin/config`)).json();
      const refused = await router.reload({ ...config(fleet()), routes: [{ nam: `round-${round}` }] });
      assert.equal(refused['level'], 'error');
      assert.deepEqual(await (await fetch(`${router.adminUrl}/admin/config`)).json(), before, 'it changed nothing');
    }
  } finally {
    over = true;
  }
  const requests = await steady;
  await Promise.all(streams);
  assert.ok(outcomes.length >= STREAMS && requests.length > 100);
  assert.deepEqual(failed(outcomes), []);
  assert.deepEqual(failed(requests), []);
  assert.ok((await metric('vllm_router_config_reloads_total', 'applied')) >= RELOADS);
  assert.ok((await metric('vllm_router_config_reloads_total', 'rejected')) >= RELOADS);
});

test('a backend that is removed and listed again keeps its breaker and its counters', async () => {
  await router.reload(config([...fleet(), bad()], 5), ({ msg }) => msg === 'config applied');
  for (let count = 0; count < 6; count++) await send(router.url, 'broken');
  const state = () => metric('vllm_router_backend_state', brokenUrl, 'ejected');
  assert.equal(await state(), 1);
  const attempts = await metric('vllm_router_attempts_total', brokenUrl);
  assert.ok(attempts >= 3);
  await router.reload(config(fleet()), ({ msg }) => msg === 'config applied');
  assert.equal(await metric('vllm_router_backend_state', brokenUrl), 0);
  await router.reload(config([...fleet(), bad()]), ({ msg }) => msg === 'config applied');
  assert.equal(await state(), 1, 'the breaker is as open as before');
  assert.equal(await metric('vllm_router_attempts_total', brokenUrl), attempts, 'and nothing is counted anew');
});
