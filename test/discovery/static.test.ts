import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { StaticBackendConfig } from '../../src/config/config.ts';
import type { BackendSpec } from '../../src/discovery/source.ts';
import { createStaticSource, type StaticSourceDeps } from '../../src/discovery/static.ts';

function backend(url: string, more: Partial<StaticBackendConfig> = {}): StaticBackendConfig {
  return { url, labels: {}, weight: 1, ...more };
}

/** A source whose publications can be awaited by what they say. */
function setUp(backends: StaticBackendConfig[], deps: Partial<StaticSourceDeps> = {}, refresh = 60_000) {
  const source = createStaticSource(
    { type: 'static', name: 'lab', backends, refresh },
    { resolveSecret: () => undefined, now: () => 1_700_000_000_900, ...deps },
  );
  const published: (readonly BackendSpec[])[] = [];
  const waiting = new Set<() => void>();
  return {
    source,
    published,
    start() {
      source.start((specs) => {
        published.push(specs);
        for (const check of waiting) check();
      });
    },
    until(wanted: (specs: readonly BackendSpec[]) => boolean): Promise<readonly BackendSpec[]> {
      return new Promise((done) => {
        const check = () => {
          const specs = published.at(-1);
          if (specs && wanted(specs)) {
            waiting.delete(check);
            done(specs);
          }
        };
        waiting.add(check);
        check();
      });
    },
  };
}

async function engine(models: () => string[], port = 0): Promise<http.Server & { url: string; keys: unknown[] }> {
  const keys: unknown[] = [];
  const server = http.createServer((req, res) => {
    keys.push(req.headers.authorization);
    res.end(JSON.stringify({ object: 'list', data: models().map((id) => ({ id })) }));
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return Object.assign(server, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, keys });
}

const names = (spec: BackendSpec | undefined) => spec?.models.map((card) => card.id);

test('publishes given models at once, with identity, labels, weight and key', async () => {
  const { source, published, start } = setUp([
    backend('http://10.0.0.1:8000', { models: ['m'], labels: { pool: 'chat' }, weight: 3, apiKey: { env: 'KEY' } }),
  ]);
  assert.equal(source.synced, false);
  start();
  assert.equal(source.synced, true);
  assert.deepEqual(published, [
    [
      {
        id: 'http://10.0.0.1:8000',
        engineId: published[0]![0]!.engineId,
        name: 'http://10.0.0.1:8000',
        url: 'http://10.0.0.1:8000',
        source: 'lab',
        labels: { pool: 'chat' },
        weight: 3,
        apiKey: { env: 'KEY' },
        models: [{ id: 'm', object: 'model', created: 1_700_000_000, owned_by: 'vllm', root: null, parent: null }],
        terminating: false,
        sleeping: false,
      },
    ],
  ]);
  assert.match(published[0]![0]!.engineId, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-/);
  await source.stop();
});

test('asks a backend for its models with its key, again at every interval', async (t) => {
  let serving = ['m'];
  const server = await engine(() => serving);
  t.after(() => server.close());
  const { source, until, start } = setUp(
    [backend(server.url, { apiKey: { env: 'KEY' } }), backend('http://10.0.0.1:8000', { models: ['x'] })],
    { resolveSecret: () => 'secret' },
    20,
  );
  start();
  await until((specs) => names(specs[0])?.join() === 'm');
  serving = ['m', 'lora'];
  const specs = await until((now) => names(now[0])?.join() === 'm,lora');
  assert.deepEqual(names(specs[1]), ['x']);
  assert.equal(new Set(server.keys).size, 1);
  assert.equal(server.keys[0], 'Bearer secret');
  await source.stop();
});

test('a backend that is down at start neither blocks nor is forgotten', async (t) => {
  const gone = await engine(() => ['m']);
  const { port } = gone.address() as AddressInfo;
  gone.close();
  await once(gone, 'close');
  const failures: string[] = [];
  const recoveries: string[] = [];
  let failed: () => void = () => {};
  const firstFailure = new Promise<void>((done) => {
    failed = done;
  });
  const { source, published, until, start } = setUp(
    [backend(gone.url), backend('http://10.0.0.1:8000', { models: ['x'] })],
    {
      onProbeFailure: (url, error, count) => {
        failures.push(`${url} ${error.message} ${count}`);
        failed();
      },
      onProbeRecovered: (url) => recoveries.push(url),
    },
  );
  start();
  assert.deepEqual(published[0]!.map(names), [[], ['x']]);
  await firstFailure;
  assert.match(failures[0]!, /ECONNREFUSED 1$/);
  const back = await engine(() => ['m'], port);
  t.after(() => back.close());
  await until((specs) => names(specs[0])?.join() === 'm');
  assert.deepEqual(recoveries, [gone.url]);
  await source.stop();
});

test('after a reload what was known before holds until the backend answers', async () => {
  const models = [{ id: 'm', created: 5 }];
  const known = (id: string): BackendSpec => ({
    ...{ id, engineId: `engine of ${id}`, name: id, url: id, source: 'lab', labels: {}, weight: 1, models },
    ...{ terminating: false, sleeping: false },
  });
  const { source, published, start } = setUp(
    [backend('http://127.0.0.1:1'), backend('http://127.0.0.1:2', { models: ['m', 'n'] })],
    { known },
  );
  start();
  assert.deepEqual(published[0]![0]!.models, models);
  assert.deepEqual(
    published[0]![1]!.models.map((card) => card.created),
    [5, 1_700_000_000],
  );
  assert.equal(published[0]![1]!.engineId, 'engine of http://127.0.0.1:2');
  await source.stop();
});
