import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ENDPOINTS } from '../../src/pipeline/endpoints.ts';
import { startEngine } from '../../src/simulator/engine/engine.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';

type Operation = { readonly tags: readonly string[]; readonly responses: Readonly<Record<string, unknown>> };
type Methods = Readonly<Record<string, Operation>>;
const document = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')) as {
  readonly paths: Readonly<Record<string, Methods>>;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);
let engine: Awaited<ReturnType<typeof startEngine>>;
let router: SpawnedRouter;

before(async () => {
  engine = await startEngine({ models: ['m'] });
  router = await spawnRouter({
    config: configFor([{ url: engine.url, models: ['m'] }], {
      listeners: { public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics', 'admin', 'sleep'] } },
    }),
  });
});
after(async () => {
  await router?.stop('SIGKILL');
  await engine?.kill();
});

test('docs/openapi.json has every path that is forwarded, and no other is forwarded by it', () => {
  const forwarded = operations.filter(({ operation, path }) => operation.responses['413'] && path !== '/admin/route');
  assert.deepEqual(forwarded.map(({ path }) => path).sort(), [...ENDPOINTS.keys()].sort());
  assert.ok(forwarded.every(({ method }) => method === 'post'));
});

test('every operation in it is there, and says what it describes', async () => {
  for (const { path, method, operation } of operations) {
    if (path === '/admin/events') continue;
    const real = path.replace('{id}', 'm');
    const { status } = await rawRequest(router.url, { method: method.toUpperCase(), path: real });
    assert.ok(status !== 404 && status !== 405, `${method} ${path}: ${status}`);
    assert.ok(String(status) in operation.responses, `${method} ${path}: ${status} is not described`);
  }
});
