import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { RawResponse } from '../fakes/raw-client.ts';
import { CHAT, chat, errorOf, eventually, Fleet } from './fleet.ts';

const CANARY = 'sk-canary';
const folder = mkdtempSync(join(tmpdir(), 'api-keys-'));
const keyFile = join(folder, 'keys');
const KEYS = `alice: ${CANARY}-alice\nbatch: ${CANARY}-batch\nalias: ${CANARY}-alias\nguest: ${CANARY}-guest\n`;
let fleet: Fleet;

before(async () => {
  writeFileSync(keyFile, KEYS);
  fleet = await Fleet.start({ 'org/chat': [{}], 'org/large': [{}] }, config());
});

after(async () => {
  await fleet?.stop();
  rmSync(folder, { recursive: true });
});

function config(models: Record<string, string[]> = { alice: ['*'], batch: ['org/ch*'], alias: ['small'] }) {
  return {
    listeners: { public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics'], auth: 'team' } },
    auth: { team: { type: 'api-key', keys: { file: keyFile }, models } },
    models: { aliases: { small: 'org/chat' } },
    // Nothing here waits for the system's word that a file has changed.
    reload: { poll: '1s' },
  };
}

function ask(key: string, model: string): Promise<RawResponse> {
  return fleet.request({ method: 'POST', path: CHAT, body: chat(model), headers: as(key) });
}

function as(key: string): Record<string, string> {
  return { authorization: `Bearer ${CANARY}-${key}` };
}

function received(): number {
  return [...fleet.engines.values()].flat().reduce((sum, { requests }) => sum + requests.length, 0);
}

async function models(key: string): Promise<string[]> {
  const { body } = await fleet.request({ path: '/v1/models', headers: as(key) });
  return (JSON.parse(body.toString()) as { data: { id: string }[] }).data.map(({ id }) => id).sort();
}

test('a key may use the models that are named for it, by exact name or glob', async () => {
  assert.equal((await ask('alice', 'org/large')).status, 200);
  assert.equal((await ask('batch', 'org/chat')).status, 200);
});

test('any other model is 403 before a byte goes to an engine, whether there is one of that name or not', async () => {
  const sent = received();
  for (const [key, model] of [
    ['batch', 'org/large'],
    ['batch', 'org/none'],
    ['guest', 'org/chat'],
  ] as const) {
    const answer = await ask(key, model);
    assert.equal(answer.status, 403, `${key} ${model}`);
    assert.equal(errorOf(answer).code, 'model_not_allowed');
    assert.match(errorOf(answer).message, new RegExp(model));
  }
  assert.equal(received(), sent);
});

test('an alias may be used by its own name or because of what it stands for', async () => {
  assert.equal((await ask('alias', 'small')).status, 200);
  assert.equal((await ask('batch', 'small')).status, 200);
  assert.equal((await ask('alias', 'org/chat')).status, 403);
});

test('a form names its model too', async () => {
  const boundary = 'x';
  const body = `--${boundary}\r\ncontent-disposition: form-data; name="model"\r\n\r\norg/large\r\n--${boundary}--\r\n`;
  const headers = { ...as('batch'), 'content-type': `multipart/form-data; boundary=${boundary}` };
  const answer = await fleet.request({ method: 'POST', path: '/v1/audio/transcriptions', body, headers });
  assert.equal(answer.status, 403);
});

test('/v1/models and /engines show a key its models', async () => {
  assert.deepEqual(await models('alice'), ['org/chat', 'org/large']);
  assert.deepEqual(await models('batch'), ['org/chat']);
  assert.deepEqual(await models('guest'), []);
  const one = (path: string) => fleet.request({ path: `/v1/models/${path}`, headers: as('batch') });
  assert.equal((await one('org/chat')).status, 200);
  assert.equal((await one('small')).status, 200);
  assert.equal((await one('org/large')).status, 403);
  const engines = await fleet.request({ path: '/engines', headers: as('batch') });
  assert.doesNotMatch(engines.body.toString(), /org\/large/);
});

test('nobody without a key, and no key in what is logged or exported; its name is', async () => {
  for (const headers of [{}, as('nobody'), { authorization: 'Bearer ' }, { authorization: 'Bearer alice' }]) {
    const answer = await fleet.request({ method: 'POST', path: CHAT, body: chat('org/chat'), headers });
    assert.equal(answer.status, 401);
    assert.equal(errorOf(answer).code, 'unauthorized');
  }
  const anthropic = { 'x-api-key': `${CANARY}-alice` };
  const answer = await fleet.request({ method: 'POST', path: CHAT, body: chat('org/chat'), headers: anthropic });
  assert.equal(answer.status, 200);
  const { logs } = fleet.router;
  await fleet.router.logged(({ msg, status, key }) => msg === 'request' && status === 403 && key === 'guest');
  assert.equal(await fleet.count('vllm_router_key_requests_total', 'key="guest"', 'status="403"'), 1);
  assert.ok((await fleet.count('vllm_router_key_requests_total', 'key="alice"', 'status="200"')) >= 2);
  const { body } = await fleet.request({ path: '/metrics' });
  assert.doesNotMatch(body.toString() + JSON.stringify(logs) + fleet.router.noise.join(), new RegExp(CANARY));
});

test('a changed key file is taken up: a new key comes in, a revoked one does not, a broken file changes nothing', async () => {
  const since = fleet.router.logs.length;
  writeFileSync(keyFile, `${KEYS.replace(/^batch.*\n/m, '')}new: ${CANARY}-new\n`);
  const applied = await fleet.router.logged(({ msg }) => msg === 'config applied', since);
  assert.deepEqual(applied['changed'], [`~ contents of ${keyFile} (hot)`]);
  assert.equal((await ask('batch', 'org/chat')).status, 401);
  assert.equal((await ask('new', 'org/chat')).status, 403);
  writeFileSync(keyFile, 'two words\n');
  await eventually(async () => (await fleet.count('vllm_router_config_last_reload_successful')) === 0);
  assert.equal((await ask('alice', 'org/chat')).status, 200);
  const mended = fleet.router.logs.length;
  writeFileSync(keyFile, KEYS);
  await fleet.router.logged(({ msg }) => msg === 'config applied', mended);
  assert.equal((await ask('batch', 'org/chat')).status, 200);
  assert.equal(await fleet.count('vllm_router_config_last_reload_successful'), 1);
});

test('`*` stands for the keys that are not named', async () => {
  const { discovery } = JSON.parse(readFileSync(fleet.router.configFile, 'utf8'));
  const result = await fleet.router.reload({
    version: 1,
    discovery,
    shutdown: { delay: '0s' },
    ...config({ alice: ['org/large'], '*': ['org/chat'] }),
  });
  assert.equal(result.msg, 'config applied');
  assert.equal((await ask('guest', 'org/chat')).status, 200);
  assert.equal((await ask('guest', 'org/large')).status, 403);
  assert.equal((await ask('alice', 'org/chat')).status, 403);
});
