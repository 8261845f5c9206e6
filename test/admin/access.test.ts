import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { RawRequest } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { ask } from './ask.ts';

let router: SpawnedRouter;
before(async () => {
  const config = configFor([{ url: 'http://127.0.0.1:9', models: ['m'] }], {
    auth: { team: { type: 'api-key', keys: { env: 'KEYS' } } },
    listeners: {
      public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics'], auth: 'team' },
      admin: { bind: '127.0.0.1:0', serve: ['admin'] },
      keyed: { bind: '127.0.0.1:0', serve: ['admin', 'health'], auth: 'team' },
    },
  });
  router = await spawnRouter({ config, env: { KEYS: 'alice: key-of-alice' } });
});
after(() => router?.stop());

const status = async (listener: string, path: string, request: RawRequest = {}) =>
  (await ask(router.urlOf(listener), path, request)).status;
const get = (headers: Record<string, string>) => status('admin', '/admin/config', { headers });
const post = (headers: Record<string, string>, body?: string) =>
  status('admin', '/admin/reload', { method: 'POST', headers, ...(body !== undefined && { body }) });

test('only a listener that serves admin has its paths, and only exactly these', async () => {
  assert.equal(await status('admin', '/admin/config'), 200);
  assert.equal(await status('admin', '/admin/config?x=/admin'), 200);
  assert.equal(await status('public', '/admin/config', { headers: { authorization: 'Bearer key-of-alice' } }), 404);
  for (const path of ['/admin', '/admin/', '/admin/config/', '/Admin/config', '/admin//config', '/x/../admin/config']) {
    assert.equal(await status('admin', path), 404, path);
  }
  assert.equal(await status('admin', '/admin/%63onfig'), 404);
});

test('methods', async () => {
  assert.equal(await status('admin', '/admin/reload'), 405);
  const answer = await ask(router.urlOf('admin'), '/admin/config', { method: 'DELETE' });
  assert.equal(answer.status, 405);
  assert.equal(answer.headers['allow'], 'GET');
  assert.equal(await status('admin', '/admin/config', { method: 'HEAD' }), 200);
});

test('DNS rebinding: over loopback only names of this machine are answered', async () => {
  for (const host of [
    'localhost',
    'localhost:9090',
    'LOCALHOST',
    '127.0.0.1:1',
    '127.8.9.1',
    '[::1]:80',
    'x.localhost',
  ]) {
    assert.equal(await get({ host }), 200, host);
  }
  for (const host of [
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '10.0.0.1:9090',
    '127.evil.example',
  ]) {
    const answer = await ask(router.urlOf('admin'), '/admin/config', { headers: { host } });
    assert.equal(answer.status, 403, host);
    assert.equal(answer.json.error.code, 'host_not_allowed');
  }
});

test('pages of other sites can neither read nor reload', async () => {
  const own = new URL(router.urlOf('admin')).host;
  assert.equal(await post({}), 200);
  assert.equal(await post({ origin: `http://${own}`, 'sec-fetch-site': 'same-origin' }), 200);
  assert.equal(await post({ origin: `http://${own}` }), 200);
  for (const headers of [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:1' },
    { 'sec-fetch-site': 'cross-site' },
    // Another port of this machine is another origin of the same site.
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
  ]) {
    assert.equal(await post(headers), 403, JSON.stringify(headers));
  }
  assert.equal(await get({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }), 403);
  assert.equal(await get({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }), 200);
});

test('no body that a form can send is read', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    assert.equal(await post({ 'content-type': type }, '{}'), 415, type);
  }
  assert.equal(await post({ 'content-type': 'application/json' }, '{}'), 200);
});

test('with auth: a key as clients send it, or as a browser’s password; and then any Host', async () => {
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
  const keyed = (headers: Record<string, string>) => status('keyed', '/admin/config', { headers });
  const answer = await ask(router.urlOf('keyed'), '/admin/config');
  assert.equal(answer.status, 401);
  assert.match(answer.headers['www-authenticate'] ?? '', /^Basic realm=/);
  assert.equal(await keyed({ authorization: 'Bearer key-of-alice' }), 200);
  assert.equal(await keyed({ 'x-api-key': 'key-of-alice' }), 200);
  assert.equal(await keyed(basic('anyone:key-of-alice')), 200);
  assert.equal(await keyed({ ...basic('anyone:key-of-alice'), host: 'router.example' }), 200);
  for (const wrong of ['anyone:', 'key-of-alice:', ':key-of-bob']) assert.equal(await keyed(basic(wrong)), 401, wrong);
  assert.equal(await keyed({ authorization: 'Basic !!' }), 401);
  assert.equal(await status('keyed', '/health'), 200);
  const reload = { method: 'POST', headers: { 'x-api-key': 'key-of-alice' } };
  assert.equal(await status('keyed', '/admin/reload', reload), 200);
  const line = await router.logged(({ msg, key }) => msg === 'reload asked for over HTTP' && key !== undefined);
  assert.equal(line['key'], 'alice');
});

test('the API’s own endpoints want a key where the listener has auth; health, metrics and version do not', async () => {
  for (const path of ['/v1/models', '/v1/models/m', '/engines']) {
    assert.equal(await status('public', path), 401, path);
    assert.equal(await status('public', path, { headers: { 'x-api-key': 'key-of-alice' } }), 200, path);
  }
  for (const path of ['/health', '/ready', '/metrics', '/version'])
    assert.equal(await status('public', path), 200, path);
});
