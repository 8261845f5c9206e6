import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isLoopback } from '../../src/config/bind.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ADMIN = ['/', '/admin/config', '/admin/config/diagnostics', '/admin/backends', '/admin/routes', '/admin/events'];
let router: SpawnedRouter;

before(async () => {
  router = await spawnRouter({ config: configFor([{ url: 'http://127.0.0.1:9', models: ['m'] }]) });
});
after(() => router?.stop('SIGKILL'));

function configOf(text: string): Config {
  const env = { ROUTER_KEYS: 'a: key', GPU2_KEY: 'key', POD_NAMESPACE: 'vllm' };
  const { config, diagnostics } = loadConfig({ files: [{ name: 'router.yaml', text }], env });
  assert.ok(config, JSON.stringify(diagnostics));
  return config;
}

/** What nobody may do who only reaches an address. */
function exposed(config: Config): string[] {
  return Object.values(config.listeners)
    .filter(
      ({ serve, host, auth }) =>
        serve.some((one) => one === 'admin' || one === 'sleep') && auth === undefined && !isLoopback(host),
    )
    .map(({ name }) => name);
}

test('a listener serves neither admin nor sleep unless its config says so', () => {
  const source = 'discovery: { a: { type: static, backends: [{ url: "http://a:1" }] } }';
  for (const listeners of [
    '',
    'listeners: { public: { bind: "0.0.0.0:1" } }',
    'listeners: { a: {}, b: { bind: "127.0.0.1:2" } }',
  ]) {
    for (const { serve } of Object.values(configOf(`version: 1\n${source}\n${listeners}`).listeners)) {
      assert.deepEqual([...serve].sort(), ['health', 'metrics', 'openai']);
    }
  }
});

test('every file that we give as an example keeps them on loopback or behind a key', () => {
  const files = ['router.example.yaml', ...globSync('examples/**/router.yaml', { cwd: ROOT }), 'examples/demo.yaml'];
  assert.ok(files.length >= 4);
  for (const file of files) assert.deepEqual(exposed(configOf(readFileSync(`${ROOT}/${file}`, 'utf8'))), [], file);
});

test('one that is open to others gets a warning', () => {
  const text =
    'version: 1\nlisteners: { a: { bind: "0.0.0.0:1", serve: [openai, admin, sleep] } }\ndiscovery: { a: { type: static, backends: [{ url: "http://a:1" }] } }';
  const { diagnostics } = loadConfig({ files: [{ name: 'router.yaml', text }], env: {} });
  assert.deepEqual(diagnostics.map(({ code }) => code).sort(), ['exposed-admin', 'exposed-sleep']);
});

test('the admin endpoints are there on their listener, and nothing on the public one', async () => {
  for (const path of ADMIN) {
    assert.equal((await rawRequest(router.urlOf('public'), { path })).status, 404, path);
    if (path !== '/admin/events') assert.equal((await rawRequest(router.adminUrl, { path })).status, 200, path);
  }
  for (const path of ['/admin/reload', '/admin/route', '/sleep?id=x', '/wake_up?id=x']) {
    const { status } = await rawRequest(router.urlOf('public'), { method: 'POST', path });
    assert.ok(status === 404 || status === 403, `${path}: ${status}`);
  }
});

test('pages of other sites, and names that turn into 127.0.0.1, get nothing from it', async () => {
  const ask = async (method: string, headers: Record<string, string>) =>
    (
      await rawRequest(router.adminUrl, {
        method,
        path: method === 'POST' ? '/admin/reload' : '/admin/config',
        headers,
      })
    ).status;
  for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1.evil.example']) {
    assert.equal(await ask('POST', { origin }), 403, origin);
    assert.equal(await ask('GET', { origin }), 403, origin);
  }
  assert.equal(await ask('POST', { 'sec-fetch-site': 'cross-site' }), 403);
  for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', '0x7f000001']) {
    assert.equal(await ask('GET', { host }), 403, host);
  }
});
