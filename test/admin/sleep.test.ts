import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { uuid5 } from '../../src/discovery/uuid5.ts';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { chatRequest } from '../simulator/requests.ts';
import { type Answer, ask, until } from './ask.ts';

const ENGINE_KEY = 'key-of-the-engine';

let engines: Engine[];
let router: SpawnedRouter;
const id = (at: number) => uuid5(engines[at]!.url);
const post = (path: string, headers = {}) =>
  ask(router.urlOf('public'), path, { method: 'POST', headers: { 'x-api-key': 'client', ...headers } });
const get = (path: string) => ask(router.urlOf('public'), path, { headers: { 'x-api-key': 'client' } });
const backends = () => ask(router.adminUrl, '/admin/backends');
const stateIn = ({ json }: Answer, at: number): string =>
  json.backends.find(({ url }: { url: string }) => url === engines[at]!.url).state;
const states = async () => {
  const answer = await backends();
  return engines.map((_, at) => stateIn(answer, at));
};
const served = (at: number) => engines[at]!.requests.filter(({ url }) => url.startsWith('/v1/chat')).length;

before(async () => {
  engines = await Promise.all([
    startEngine({ models: ['tiny-chat'], apiKey: ENGINE_KEY }),
    startEngine({ models: ['tiny-chat'], apiKey: ENGINE_KEY }),
    startEngine({ models: ['other'], sleepMode: false }),
  ]);
  const listed = engines.map(({ url, settings }) => ({
    url,
    models: [...settings.models],
    ...(settings.apiKey !== undefined && { apiKey: { env: 'ENGINE_KEY' } }),
  }));
  router = await spawnRouter({
    config: configFor(listed as never, {
      auth: { team: { type: 'api-key', keys: { env: 'KEYS' } } },
      listeners: {
        public: { bind: '127.0.0.1:0', serve: ['openai', 'sleep'], auth: 'team' },
        open: { bind: '127.0.0.1:0', serve: ['openai'] },
        admin: { bind: '127.0.0.1:0', serve: ['admin', 'metrics'] },
      },
      stats: { engine: { interval: '200ms', timeout: '100ms' } },
    }),
    env: { KEYS: 'client', ENGINE_KEY },
  });
});
after(async () => {
  await Promise.all((engines ?? []).map((engine) => engine.kill()));
  await router?.stop();
});
beforeEach(async () => {
  for (const at of [0, 1]) await post(`/wake_up?id=${id(at)}`);
});

test('a sleeping engine gets nothing, and is not lost', async () => {
  const answer = await post(`/sleep?id=${id(0)}&level=2&tags=a&tags=b`);
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json, { status: 'success' });
  assert.ok(answer.headers['x-request-id']);
  const sent = engines[0]!.requests.findLast(({ url }) => url.startsWith('/sleep'))!;
  assert.equal(sent.url, '/sleep?level=2&tags=a&tags=b');
  assert.equal(sent.headers[sent.headers.indexOf('authorization') + 1], `Bearer ${ENGINE_KEY}`);
  assert.deepEqual((await get(`/is_sleeping?id=${id(0)}`)).json, { is_sleeping: true });
  assert.deepEqual(await states(), ['sleeping', 'ready', 'ready']);
  const before = served(0);
  for (let i = 0; i < 4; i++) assert.equal((await chat()).status, 200);
  assert.equal(served(0), before);
  assert.equal((await post(`/wake_up?id=${id(0)}`)).status, 200);
  assert.deepEqual((await get(`/is_sleeping?id=${id(0)}`)).json, { is_sleeping: false });
  for (let i = 0; i < 4; i++) await chat();
  assert.ok(served(0) > before);
});

test('all asleep: the model is known, 503', async () => {
  for (const at of [0, 1]) await post(`/sleep?id=${id(at)}`);
  const answer = await chat();
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'model_unavailable');
});

test('an engine that somebody else puts to sleep or wakes is believed, by its metrics', async () => {
  engines[0]!.sleepLevel = 1;
  await until(backends, (answer) => stateIn(answer, 0) === 'sleeping');
  engines[0]!.sleepLevel = 0;
  await until(backends, (answer) => stateIn(answer, 0) === 'ready');
});

test('the original’s errors, and the engine’s', async () => {
  const missing = await post('/sleep');
  assert.equal(missing.status, 400);
  assert.equal(missing.json.error.message, 'Invalid request: missing target Engine Id.');
  const unknown = await post('/wake_up?id=http://127.0.0.1:9');
  assert.equal(unknown.status, 400);
  assert.equal(unknown.json.error.message, 'Engine with Id http://127.0.0.1:9 not found.');
  assert.equal((await get('/is_sleeping')).status, 400);
  const without = await post(`/sleep?id=${id(2)}`);
  assert.equal(without.status, 502);
  assert.equal(without.json.error.message, 'The engine answered 404 to POST /sleep.');
  assert.deepEqual(await states(), ['ready', 'ready', 'ready']);
  assert.equal((await get(`/sleep?id=${id(0)}`)).status, 405);
});

test('who may: a listener with sleep, a key where it asks for one, no page of another site', async () => {
  const open = await ask(router.urlOf('open'), `/sleep?id=${id(0)}`, { method: 'POST' });
  assert.equal(open.status, 403);
  assert.equal(open.json.error.code, 'sleep_not_allowed');
  assert.equal((await ask(router.urlOf('open'), `/is_sleeping?id=${id(0)}`)).status, 200);
  assert.equal((await ask(router.urlOf('admin'), `/sleep?id=${id(0)}`, { method: 'POST' })).status, 404);
  assert.equal((await ask(router.urlOf('public'), `/sleep?id=${id(0)}`, { method: 'POST' })).status, 401);
  assert.equal((await post(`/sleep?id=${id(0)}`, { origin: 'http://evil.example' })).status, 403);
  assert.deepEqual(await states(), ['ready', 'ready', 'ready']);
});

test('an engine that cannot be reached is 503', async () => {
  const { url } = engines[1]!;
  await engines[1]!.kill();
  const answer = await post(`/sleep?id=${uuid5(url)}`);
  assert.equal(answer.status, 503);
  assert.equal(answer.json.error.code, 'backend_unavailable');
  assert.notEqual((await states())[1], 'sleeping');
});

function chat() {
  const { path, ...request } = chatRequest('hello', { stream: false });
  return ask(router.urlOf('public'), path!, { ...request, headers: { 'x-api-key': 'client' } });
}
