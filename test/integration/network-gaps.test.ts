import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RawClient, requestBytes } from '../fakes/raw-client.ts';
import { type SpawnedEngine, spawnEngine } from '../fakes/spawn-engine.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { vanish } from '../fakes/vanish.ts';
import { chatRequest, eventually } from './fleet.ts';
import { send } from './load.ts';

const FLAGS = ['--model', 'm', '--decode-rate', '100'];

async function start(
  t: TestContext,
  count: number,
  defaults: object,
  ready: (engines: SpawnedEngine[]) => Promise<unknown> = async () => {},
): Promise<{ engines: SpawnedEngine[]; router: SpawnedRouter }> {
  const engines = await Promise.all(Array.from({ length: count }, () => spawnEngine(FLAGS)));
  t.after(() => Promise.all(engines.map((engine) => engine.end())));
  // Round-robin takes them in this order.
  engines.sort((a, b) => (a.url < b.url ? -1 : 1));
  await ready(engines);
  const backends = engines.map(({ url }) => ({ url, models: ['m'] }));
  const router = await spawnRouter({
    config: configFor(backends, {
      logging: { format: 'json', access: false },
      defaults: { algorithm: { type: 'round-robin' }, ...defaults },
    }),
  });
  t.after(() => router.stop('SIGKILL'));
  return { engines, router };
}

/** One stream at each engine, of about two seconds, that has begun; resolves with what is left to wait for. */
async function streams(router: SpawnedRouter, engines: readonly SpawnedEngine[]) {
  const clients = await Promise.all(engines.map(() => RawClient.open(router.url)));
  for (const client of clients) {
    client.send(requestBytes(chatRequest('m', { stream: true, max_tokens: 200 }), client.host));
    await client.until((received) => received.includes('content'));
  }
  return () =>
    Promise.all(
      clients.map(async (client) => {
        const { body } = await client.response();
        client.destroy();
        return body.toString();
      }),
    );
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('two of four machines have vanished: a request that none of them ever had is answered by another', async (t) => {
  const { router } = await start(
    t,
    4,
    { health: { interval: '0s' }, timeouts: { connect: '20s' } },
    ([first, second]) => Promise.all([vanish(first!), vanish(second!)]),
  );
  const { status, body } = await send(router.url, 'm');
  assert.equal(status, 200, body);
  const given = router.logs.filter(({ msg }) => msg?.startsWith('backend is given up'));
  assert.deepEqual(
    given.map(({ msg }) => msg),
    Array(2).fill('backend is given up: it accepts no connection and answers nothing, not even a health check'),
  );
});

test('fault 22: two of three machines vanish behind idle connections: no request is poison, and soon none tries them, whatever maxEjected says', async (t) => {
  const circuitBreaker = { openFor: '5m', maxOpenFor: '5m', maxEjected: 0 };
  const { engines, router } = await start(t, 3, {
    health: { interval: '0s' },
    timeouts: { connect: '20s' },
    circuitBreaker,
  });
  for (let count = 0; count < 3; count++) assert.equal((await send(router.url, 'm')).status, 200);
  await Promise.all(engines.slice(0, 2).map(vanish));
  // It meets the first by the connection that is left of before, and then the second.
  const { status, body } = await send(router.url, 'm');
  assert.equal(status, 200, body);
  const failures = async () => {
    const page = await (await fetch(`${router.url}/metrics`)).text();
    return page.match(/^vllm_router_upstream_failures_total.* [1-9].*$/gm) ?? [];
  };
  const met = await failures();
  assert.equal(met.length, 2);
  // Where the test took its time, the idle connections were too old by then.
  for (const line of met) assert.match(line, /reason="(unreachable|connect_timeout)"/);
  for (let count = 0; count < 6; count++) assert.equal((await send(router.url, 'm')).status, 200);
  assert.deepEqual(await failures(), met);
});

test('the network is away for some seconds: streams go on behind it', async (t) => {
  const { engines, router } = await start(t, 2, { health: { interval: '300ms', timeout: '200ms' } });
  const answers = await streams(router, engines);
  const back = await Promise.all(engines.map(vanish));
  const unhealthy = ({ msg }: { msg?: string }) => msg === 'backend is unhealthy';
  await router.logged(() => router.logs.filter(unhealthy).length === 2);
  // From the first connect that fails it took three seconds to give them up.
  await later(5_000);
  for (const come of back) come();
  for (const body of await answers()) assert.ok(body.endsWith('[DONE]\n\n'), body.slice(-300));
  assert.ok(!router.logs.some(({ msg }) => msg?.startsWith('backend is given up')));
});

test('a machine that is back gets requests once it answers a health check: its breaker does not go on without a reason', async (t) => {
  const circuitBreaker = { openFor: '5m', maxOpenFor: '5m' };
  const health = { interval: '300ms', timeout: '200ms' };
  const { engines, router } = await start(t, 2, { health, circuitBreaker });
  const back = await vanish(engines[0]!);
  await Promise.all([send(router.url, 'm'), send(router.url, 'm')]);
  await router.logged(({ msg }) => msg?.startsWith('backend is given up') === true);
  back();
  await eventually(async () => {
    await send(router.url, 'm');
    const page = await (await fetch(`${router.url}/metrics`)).text();
    return page.match(/^vllm_router_backend_state\{.*state="ready"\} 1$/gm)?.length === 2;
  }, 20_000);
});

test('one machine vanishes while another is reached: its streams are told within seconds', async (t) => {
  const { engines, router } = await start(t, 2, { health: { interval: '300ms', timeout: '200ms' } });
  const answers = await streams(router, engines);
  await vanish(engines[0]!);
  const from = performance.now();
  const [cut, whole] = await answers();
  assert.ok(performance.now() - from < 20_000);
  assert.match(cut!, /"code":"stream_interrupted"\}\}\n\n$/);
  assert.ok(whole!.endsWith('[DONE]\n\n'), whole!.slice(-300));
  await router.logged(({ msg }) => msg === 'backend is given up: it is silent, and cannot be reached while others can');
});
