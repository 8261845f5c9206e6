import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { ask } from './ask.ts';

const BACKEND = { url: 'http://someone:canary-password@127.0.0.1:9', models: ['m'], apiKey: { env: 'ENGINE_KEY' } };
const ROUTE = { name: 'all', match: { headers: { authorization: 'canary-header', 'x-team': 'blue' } } };
const FIRST = configFor([BACKEND as never], { routes: [ROUTE], reload: { debounce: '10ms', poll: '0s' } });

let router: SpawnedRouter;
before(async () => {
  router = await spawnRouter({
    config: FIRST,
    env: { ENGINE_KEY: 'canary-key' },
    flags: ['--set', 'logging.access=false'],
  });
});
after(() => router?.stop());

test('GET /admin/config: the effective config, who said what, and no secret', async () => {
  const { json, text, headers } = await ask(router.adminUrl, '/admin/config');
  assert.equal(headers['cache-control'], 'no-store');
  const file = await readFile(router.configFile);
  assert.equal(json.hash, createHash('sha256').update(file).digest('hex'));
  assert.equal(json.generation, 1);
  assert.equal(json.source, router.configFile);
  assert.ok(Date.now() - Date.parse(json.appliedAt) < 60_000);
  assert.equal(json.config.defaults.timeouts.connect, '2s');
  assert.equal(json.origins['defaults.timeouts.connect'], 'default');
  assert.equal(json.origins['logging.access'], '--set logging.access');
  assert.match(json.origins['discovery.engines.backends[0].url'], /router\.yaml:\d+$/);
  assert.deepEqual(json.config.discovery.engines.backends[0].apiKey, { env: 'ENGINE_KEY' });
  assert.equal(json.config.routes[0].match.headers['x-team'], 'blue');
  assert.doesNotMatch(text, /canary/);
});

test('GET /admin/config?format=yaml is a file that says the same', async () => {
  const { text, headers } = await ask(router.adminUrl, '/admin/config?format=yaml');
  const { json } = await ask(router.adminUrl, '/admin/config');
  assert.equal(headers['content-type'], 'application/yaml');
  assert.doesNotMatch(text, /canary/);
  const { effective, config } = loadConfig({ files: [{ name: 'router.yaml', text }], env: {} });
  assert.ok(config);
  assert.deepEqual(effective, json.config);
});

test('POST /admin/reload: applied, with the next generation', async () => {
  const answer = await ask(router.adminUrl, '/admin/reload', { method: 'POST' });
  assert.equal(answer.status, 200);
  assert.equal(answer.json.result, 'applied');
  assert.equal(answer.json.running.generation, 2);
});

test('the line of a reload says what changed for requests, and no secret', async () => {
  const routes = [
    { ...ROUTE, retry: { attempts: 0 } },
    { name: 'more', match: { headers: { authorization: 'canary-2' } } },
  ];
  // The line of the forced reload before may come only now.
  const line = await router.reload({ ...FIRST, routes }, ({ changed }) => Array.isArray(changed));
  assert.deepEqual(line['changed'], [
    '~ retry.attempts of all: 2 → 0 (hot)',
    '+ routes.more: { name: more, match: { headers: { authorization: … } }, backends: { from: [ engines ] } } (hot)',
  ]);
  const { running } = (await ask(router.adminUrl, '/admin/config/diagnostics')).json;
  const from = router.logs.length;
  const finding = await router.reload({ ...FIRST, algoritm: 1 });
  assert.equal(finding.msg, 'unknown key "algoritm"');
  const { level, errors, rejected, hash, generation } = await router.logged(
    ({ msg }) => /^config rejected/.test(msg!),
    from,
  );
  assert.deepEqual([level, errors, hash, generation], ['error', 1, running.hash, running.generation]);
  assert.equal(
    rejected,
    createHash('sha256')
      .update(await readFile(router.configFile))
      .digest('hex'),
  );
  const metrics = await ask(router.url, '/metrics');
  assert.ok(metrics.text.includes(`vllm_router_config_info{hash="${hash}",version="1"} 1`));
  assert.doesNotMatch(JSON.stringify(router.logs), /canary/);
});

test('POST /admin/reload: a config with errors is 422 with every finding, and the running one stays', async () => {
  await writeFile(router.configFile, JSON.stringify({ ...FIRST, algoritm: 1, routes: [{ name: 'all', match: 3 }] }));
  const answer = await ask(router.adminUrl, '/admin/reload', { method: 'POST', body: {} });
  assert.equal(answer.status, 422);
  assert.equal(answer.json.error.code, 'config_rejected');
  assert.deepEqual(
    answer.json.diagnostics
      .map(({ code }: { code: string }) => code)
      .filter((code: string) => code !== 'plaintext-secret'),
    ['wrong-type', 'unknown-key'],
  );
  const { last, running } = (await ask(router.adminUrl, '/admin/config/diagnostics')).json;
  assert.equal(last.result, 'rejected');
  assert.equal(last.diagnostics.length, answer.json.diagnostics.length);
  assert.notEqual(last.hash, running.hash);
  assert.equal((await ask(router.adminUrl, '/admin/config')).json.generation, running.generation);
});

test('POST /admin/reload: a valid config that cannot be put in force is 409, and says why', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const listeners = { ...(FIRST['listeners'] as object), more: { bind: `127.0.0.1:${port}`, serve: ['health'] } };
  await writeFile(router.configFile, JSON.stringify({ ...FIRST, listeners }));
  const answer = await ask(router.adminUrl, '/admin/reload', { method: 'POST' });
  assert.equal(answer.status, 409);
  assert.equal(answer.json.error.code, 'config_not_applied');
  assert.match(answer.json.failure, /listener "more" cannot bind .*EADDRINUSE/);
  assert.equal((await ask(router.adminUrl, '/admin/config/diagnostics')).json.last.failure, answer.json.failure);
});

test('POST /admin/reload: files that are gone are 409, and once they are back 200', async () => {
  await rm(router.configFile);
  const gone = await ask(router.adminUrl, '/admin/reload', { method: 'POST' });
  assert.equal(gone.status, 409);
  assert.match(gone.json.failure, /ENOENT/);
  await writeFile(router.configFile, JSON.stringify(FIRST));
  const back = await ask(router.adminUrl, '/admin/reload', { method: 'POST' });
  assert.equal(back.status, 200);
  assert.equal((await ask(router.adminUrl, '/admin/config/diagnostics')).json.last.result, 'applied');
});

test('without a file, flags are built again', async () => {
  const flags = [
    '--service-discovery',
    'static',
    '--routing-logic',
    'roundrobin',
    '--static-backends',
    'http://127.0.0.1:9',
  ];
  const more = [
    '--static-models',
    'm',
    '--host',
    '127.0.0.1',
    '--port',
    '0',
    '--set',
    'listeners.public.serve=[openai,admin]',
  ];
  const bare = await spawnRouter({ config: '', bare: true, flags: [...flags, ...more] });
  try {
    assert.equal((await ask(bare.url, '/admin/config')).json.source, 'flags');
    const answer = await ask(bare.url, '/admin/reload', { method: 'POST' });
    assert.equal(answer.json.running.generation, 2);
  } finally {
    await bare.stop();
  }
});
