import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { chatRequest } from '../simulator/requests.ts';
import { ask, until } from './ask.ts';

let engines: Engine[];
let router: SpawnedRouter;
before(async () => {
  engines = await Promise.all([1, 2].map(() => startEngine({ models: ['tiny-chat'], speed: 10 })));
  const backends = engines.map(({ url }, at) => ({
    url,
    models: ['tiny-chat'],
    weight: at + 1,
    labels: { at: `${at}` },
  }));
  router = await spawnRouter({
    config: configFor(backends, {
      routes: [
        { name: 'blue', match: { headers: { 'x-team': 'blue' } }, backends: { where: { at: '0' } } },
        { name: 'rest', match: {} },
      ],
      stats: { engine: { interval: '200ms', timeout: '100ms' } },
    }),
  });
});
after(async () => {
  await Promise.all((engines ?? []).map((engine) => engine.kill()));
  await router?.stop();
});

async function chat(headers: Record<string, string> = {}): Promise<void> {
  const { path, body } = chatRequest('hello');
  assert.equal((await ask(router.url, path!, { body, headers })).status, 200);
}

test('backends: their figures of the window, and the engines’ own', async () => {
  for (let i = 0; i < 6; i++) await chat();
  const { json } = await until(
    () => ask(router.adminUrl, '/admin/backends'),
    // The engines may have been asked while a chat was running there.
    ({ json }) => json.backends.every(({ engine }: { engine: { running: number } | null }) => engine?.running === 0),
  );
  for (const backend of json.backends) {
    const at = engines.findIndex(({ url }) => url === backend.url);
    assert.equal(backend.state, 'ready');
    assert.equal(backend.breaker, 'closed');
    assert.deepEqual(backend.models, ['tiny-chat']);
    assert.deepEqual(backend.labels, { at: `${at}` });
    assert.equal(backend.weight, at + 1);
    assert.deepEqual([backend.inflight, backend.streaming], [0, 0]);
    assert.ok(backend.qps > 0 && backend.ttftMs.p50 > 0 && backend.ttftMs.p99 >= backend.ttftMs.p50);
    assert.ok(backend.interTokenMs >= 0 && backend.latencyMs > 0 && backend.uptimeMs > 0);
    assert.deepEqual([backend.engine.running, backend.engine.sleeping], [0, false]);
    assert.match(backend.engineId, /^[0-9a-f-]{36}$/);
  }
});

test('routes: candidates, and what share of the requests each of them got', async () => {
  for (let i = 0; i < 2; i++) await chat({ 'x-team': 'blue' });
  const { routes } = (await ask(router.adminUrl, '/admin/routes')).json;
  assert.deepEqual(
    routes.map(({ name, attempts }: { name: string; attempts: number }) => [name, attempts]),
    [
      ['blue', 2],
      ['rest', 6],
    ],
  );
  const shares = (route: { candidates: { url: string; share: number; available: boolean }[] }) =>
    engines.map(({ url }) => route.candidates.find((candidate) => candidate.url === url)?.share);
  assert.deepEqual(shares(routes[0]), [1, undefined]);
  // Round-robin by weight: 1 to 2.
  assert.deepEqual(shares(routes[1]), [2 / 6, 4 / 6]);
  assert.deepEqual(routes[0].match.headers, { 'x-team': 'blue' });
  assert.ok(routes[1].candidates.every(({ available }: { available: boolean }) => available));
});
