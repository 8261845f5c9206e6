import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { checkHealth } from '../../src/backends/reach.ts';
import { askSleeping } from '../../src/discovery/kubernetes/sleep.ts';
import { probeModels } from '../../src/discovery/model-probe.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';

const KEY = 'sk-backend-canary-51d7';
/** What an engine must not be able to send anybody to. */
const inner: string[] = [];
const servers: Server[] = [];
let innerUrl: string;

async function serve(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

before(async () => {
  innerUrl = await serve(({ url }, response) => {
    inner.push(url!);
    response.end('{"object":"list","data":[{"id":"stolen"}]}');
  });
});
after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** An endless body, and how much of it was taken. */
async function endless(): Promise<{ url: string; taken: () => number }> {
  let sent = 0;
  const block = Buffer.alloc(64 * 1024, 'x');
  const url = await serve((_, response) => {
    const more = () => {
      while (!response.destroyed && response.write(block)) sent += block.length;
    };
    response.on('drain', more);
    more();
  });
  return { url, taken: () => sent };
}

test('an answer without end to a health check, a probe of models or of sleep is dropped early', async () => {
  const { url, taken } = await endless();
  await assert.rejects(checkHealth(`${url}/health`, 5_000), /more than 65536 bytes/);
  await assert.rejects(probeModels(url, { timeout: 5_000 }), /more than 8388608 bytes/);
  assert.equal(await askSleeping(url, { timeout: 5_000 }), undefined);
  // What the sockets' buffers took is little.
  assert.ok(taken() < 64 * 1024 * 1024, String(taken()));
});

test('fault 21: a compressed answer is not unpacked', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  assert.ok(bomb.length < 100_000);
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
  });
  const before = process.memoryUsage().rss;
  await checkHealth(`${url}/health`, 5_000).catch(() => {});
  await assert.rejects(probeModels(url, { timeout: 5_000 }), /did not answer a model list/);
  assert.ok(process.memoryUsage().rss - before < 48 * 1024 * 1024);
});

test('a redirect is followed by nobody, and the key that was for the engine goes nowhere else', async () => {
  const seen: string[] = [];
  const url = await serve((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    if (request.url === '/v1/models') response.end('{"object":"list","data":[{"id":"m"}]}');
    else response.writeHead(307, { location: `${innerUrl}${request.url}` }).end();
  });
  const router = await spawnRouter({
    config: configFor([{ url, apiKey: { env: 'ENGINE_KEY' } } as never], {
      logging: { level: 'trace', format: 'json' },
      stats: { engine: { interval: '1s', timeout: '1s', staleAfter: '5s' } },
      defaults: { health: { interval: '1s' } },
    }),
    env: { ENGINE_KEY: KEY },
  });
  try {
    const deadline = performance.now() + 10_000;
    while (
      !seen.some((line) => line.startsWith('GET /health')) ||
      !seen.some((line) => line.startsWith('GET /metrics'))
    ) {
      assert.ok(performance.now() < deadline, seen.join('; '));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const body = { model: 'm', messages: [] };
    const answer = await rawRequest(router.url, { path: '/v1/chat/completions', body });
    assert.equal(answer.status, 307);
    assert.ok(seen.every((line) => line.endsWith(`Bearer ${KEY}`)));
    assert.deepEqual(inner, []);
  } finally {
    await router.stop('SIGKILL');
  }
});

test('fault 18: an engine that repeats its key in a refusal does not tell it to clients', async () => {
  const url = await serve((request, response) => {
    const said = `you sent ${request.headers.authorization}`;
    response.writeHead(request.method === 'POST' ? 401 : 200, { 'www-authenticate': said, 'x-echo': said });
    response.end(JSON.stringify({ error: said, object: 'list', data: [{ id: 'm' }] }));
  });
  const router: SpawnedRouter = await spawnRouter({
    config: configFor([{ url, models: ['m'], apiKey: { env: 'ENGINE_KEY' } } as never], {
      logging: { level: 'trace', format: 'json' },
    }),
    env: { ENGINE_KEY: KEY },
  });
  try {
    const answer = await rawRequest(router.url, { path: '/v1/chat/completions', body: { model: 'm', messages: [] } });
    assert.equal(answer.status, 502);
    assert.match(answer.body.toString(), /backend_auth_failed/);
    assert.ok(!answer.raw.includes(KEY));
    await router.logged(({ msg }) => msg === 'request');
    assert.ok(!JSON.stringify(router.logs).includes(KEY));
  } finally {
    await router.stop('SIGKILL');
  }
});
