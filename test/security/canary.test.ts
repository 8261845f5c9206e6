import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { RawClient, type RawRequest, type RawResponse, rawRequest } from '../fakes/raw-client.ts';
import { type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';

/** Every secret that passes through the process; all begin alike, so that one search finds any. */
const CANARY = 'sk-canary';
const CLIENT = `${CANARY}-of-a-client`;
const LISTENER = `${CANARY}-of-the-listener`;
const ADMIN = `${CANARY}-of-the-operators`;
const BACKEND_ENV = `${CANARY}-of-a-backend`;
const BACKEND_FILE = `${CANARY}-in-a-file`;
const PASSWORD = `${CANARY}-in-a-url`;
const folder = mkdtempSync(join(tmpdir(), 'canary-'));
const keyFile = join(folder, 'engine-key');
const CHAT = '/v1/chat/completions';
let engines: readonly Engine[];
let router: SpawnedRouter;
/** Everything that a client or an operator was shown. */
const shown: string[] = [];

/** Throws from within when told to, as a fault of ours would: the process must end, and its last words must hold no secret. */
const CRASH = "process.on('SIGUSR2', () => { throw new Error('crashed on purpose'); });";

before(async () => {
  writeFileSync(keyFile, `${BACKEND_FILE}\n`);
  engines = await Promise.all([
    startEngine({ models: ['open'] }),
    startEngine({ models: ['env'], apiKey: BACKEND_ENV }),
    startEngine({ models: ['file'], apiKey: BACKEND_FILE }),
    startEngine({ models: ['refused'], apiKey: 'another' }),
  ]);
  router = await spawnRouter({
    config: config(),
    env: {
      LISTENER_KEYS: `alice: ${LISTENER}`,
      ADMIN_KEYS: ADMIN,
      ENGINE_KEY: BACKEND_ENV,
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(CRASH)}`,
    },
  });
});
after(async () => {
  await router?.stop('SIGKILL');
  await Promise.all((engines ?? []).map((engine) => engine.kill()));
  rmSync(folder, { recursive: true });
});

function config(more: Record<string, unknown> = {}) {
  const [open, env, file, refused] = engines;
  const bind = '127.0.0.1:0';
  return {
    version: 1,
    listeners: {
      public: { bind, serve: ['openai', 'health', 'metrics'], allowExplain: true },
      keyed: { bind, serve: ['openai', 'health'], auth: 'team' },
      admin: { bind, serve: ['health', 'metrics', 'admin'], auth: 'operators' },
    },
    auth: {
      team: { type: 'api-key', keys: { env: 'LISTENER_KEYS' } },
      operators: { type: 'api-key', keys: { env: 'ADMIN_KEYS' } },
    },
    discovery: {
      engines: {
        type: 'static',
        backends: [
          { url: open!.url.replace('://', `://user:${PASSWORD}@`), models: ['open'] },
          { url: env!.url, apiKey: { env: 'ENGINE_KEY' } },
          { url: file!.url, apiKey: { file: keyFile } },
          { url: refused!.url, models: ['refused'], apiKey: { env: 'ENGINE_KEY' } },
        ],
      },
    },
    routes: [
      { name: 'by-key', match: { headers: { authorization: `Bearer ${CLIENT}` } } },
      { name: 'rest', match: {} },
    ],
    stats: { engine: { interval: '1s', timeout: '1s', staleAfter: '5s' }, log: { every: '1s' } },
    logging: { level: 'trace', format: 'json' },
    reload: { poll: '1s' },
    shutdown: { delay: '0s' },
    ...more,
  };
}

async function ask(listener: string, request: RawRequest): Promise<RawResponse> {
  const answer = await rawRequest(router.urlOf(listener), request);
  shown.push(answer.raw.toString());
  return answer;
}

function chat(model: string, headers: Record<string, string> = {}, more: object = {}): RawRequest {
  const body = { model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 2, ...more };
  return { method: 'POST', path: CHAT, headers, body };
}

function clean(text: string, where: string): void {
  const at = text.indexOf(CANARY);
  assert.ok(at < 0, `${where}: …${text.slice(Math.max(0, at - 100), at + 60)}`);
}

function allClean(): void {
  for (const text of shown) clean(text, 'shown');
  clean(JSON.stringify(router.logs), 'log');
  clean(router.noise.join('\n'), 'output');
}

test('fault 46: no key is told by requests that go well', async () => {
  const bearer = { authorization: `Bearer ${CLIENT}` };
  for (const more of [{}, { stream: true }]) {
    assert.equal((await ask('public', chat('open', { ...bearer, 'x-router-explain': '1' }, more))).status, 200);
    assert.equal((await ask('keyed', chat('open', { authorization: `Bearer ${LISTENER}` }, more))).status, 200);
    assert.equal((await ask('keyed', chat('open', { 'x-api-key': LISTENER }, more))).status, 200);
    for (const model of ['env', 'file'])
      assert.equal((await ask('public', chat(model, bearer, more))).status, 200, model);
  }
  const sent = engines.flatMap(({ requests }) => requests.filter(({ url }) => url === CHAT));
  const keys = (engine: Engine) => JSON.stringify(sent.filter((request) => engine.requests.includes(request)));
  assert.ok(keys(engines[0]!).includes(CLIENT) && !keys(engines[0]!).includes(LISTENER));
  assert.ok(keys(engines[1]!).includes(BACKEND_ENV) && !keys(engines[1]!).includes(CLIENT));
  assert.ok(keys(engines[2]!).includes(BACKEND_FILE) && !keys(engines[2]!).includes(CLIENT));
});

test('fault 46: nor by requests that are refused, with keys where they belong and where they do not', async () => {
  const bearer = { authorization: `Bearer ${CLIENT}` };
  assert.equal((await ask('keyed', chat('open', bearer))).status, 401);
  assert.equal((await ask('keyed', chat('open', { authorization: `Basic ${CLIENT}` }))).status, 401);
  assert.equal((await ask('public', chat('refused', bearer))).status, 502);
  assert.equal((await ask('public', chat('nobody', bearer))).status, 404);
  assert.equal((await ask('public', { path: '/nowhere', headers: bearer })).status, 404);
  assert.equal((await ask('public', { path: `/nowhere?api_key=${CLIENT}` })).status, 404);
  assert.equal((await ask('public', { ...chat('open'), path: `${CHAT}?api_key=${CLIENT}` })).status, 200);
  assert.equal((await ask('public', { ...chat('open', bearer), body: '{"model":' })).status, 400);
  assert.equal((await ask('public', chat('open', { ...bearer, cookie: `session=${CLIENT}` }))).status, 200);
  assert.equal((await ask('public', chat('open', { ...bearer, 'x-large': 'x'.repeat(20_000) }))).status, 431);
  for (const value of [`Bearer ${CLIENT}\0`, `Bearer ${CLIENT}\r\n folded`]) {
    const client = await RawClient.open(router.url);
    client.send(`GET /health HTTP/1.1\r\nhost: a\r\nauthorization: ${value}\r\n\r\n`);
    const answer = await client.response();
    shown.push(answer.raw.toString());
    assert.equal(answer.status, 400);
    client.destroy();
  }
  allClean();
});

test('fault 46: nor by clients that leave, and engines that die', async () => {
  const client = await RawClient.open(router.url);
  const bytes = JSON.stringify({
    model: 'env',
    messages: [{ role: 'user', content: 'hi' }],
    max_tokens: 500,
    stream: true,
  });
  client.send(
    `POST ${CHAT} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${CLIENT}\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\n\r\n${bytes}`,
  );
  await client.until((received) => received.includes('content'));
  client.destroy();
  engines[0]!.faults.set({ kind: 'cut', at: 'headers', how: 'rst', count: 5 }, { kind: 'malformed', how: 'garbage' });
  for (let count = 0; count < 3; count++) await ask('public', chat('open', { authorization: `Bearer ${CLIENT}` }));
  engines[0]!.faults.clear();
  allClean();
});

test('fault 46: nor by what operators are shown', async () => {
  const headers = { authorization: `Bearer ${ADMIN}` };
  const paths = ['/', '/admin/config', '/admin/config?format=yaml', '/admin/config/diagnostics', '/admin/backends'];
  for (const path of [...paths, '/admin/routes', '/admin/route?model=open', '/metrics', '/ready']) {
    assert.equal((await ask('admin', { path, headers })).status, 200, path);
  }
  assert.equal(
    (await ask('admin', { path: '/admin/config', headers: { authorization: `Bearer ${CLIENT}` } })).status,
    401,
  );
  const events = await RawClient.open(router.adminUrl);
  events.send(`GET /admin/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${ADMIN}\r\n\r\n`);
  await events.until((received) => received.includes('"full":true'));
  shown.push(events.received.toString());
  events.destroy();
  allClean();
});

test('fault 46: nor by configurations that are refused, and key files that are no keys', async () => {
  const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' };
  const good = config();
  const bad: unknown[] = [
    { ...good, auth: { team: { type: 'api-key', keys: LISTENER } } },
    { ...good, discovery: { engines: { type: 'static', backends: [{ url: engines[0]!.url, apiKey: BACKEND_ENV }] } } },
    {
      ...good,
      discovery: { engines: { type: 'static', backends: [{ url: `http://user:${PASSWORD}@`, models: ['open'] }] } },
    },
  ];
  for (const one of bad) {
    await router.reload(one);
    shown.push((await rawRequest(router.adminUrl, { path: '/admin/config/diagnostics', headers })).raw.toString());
  }
  assert.equal((await router.reload(config({ reload: { poll: '2s' } }))).msg, 'config applied');
  const since = router.logs.length;
  writeFileSync(keyFile, `${BACKEND_FILE} ${BACKEND_FILE}\n`);
  await router.logged(({ msg }) => msg?.startsWith('config not applied') === true, since);
  shown.push((await ask('admin', { method: 'POST', path: '/admin/reload', headers })).raw.toString());
  shown.push((await ask('admin', { path: '/admin/config/diagnostics', headers })).raw.toString());
  writeFileSync(keyFile, `${BACKEND_FILE}\n`);
  allClean();
});

test('fault 46: nor by the last words of a process that crashes', async () => {
  const ended = new Promise((resolve) => router.child.once('close', resolve));
  router.signal('SIGUSR2');
  assert.notEqual(await ended, 0);
  const words = `${router.noise.join('\n')}${JSON.stringify(router.logs.slice(-5))}`;
  assert.match(words, /crashed on purpose/);
  allClean();
});
