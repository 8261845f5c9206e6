import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import type { EngineOptions } from '../../src/simulator/engine/options.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { CHAT, chat, errorOf, eventually, Fleet } from './fleet.ts';

let fleet: Fleet;
let keyed: Engine;
let wrongKey: Engine;
let embedder: Engine;
let first: Engine;
let spare: Engine;
let lost: Engine[];
const others: Engine[] = [];

const policy = (model: string, more: Readonly<Record<string, unknown>>) => ({
  name: model,
  match: { models: [model] },
  ...more,
});
const from = (source: string) => ({ backends: { from: [source] } });

before(async () => {
  const own = (options: EngineOptions) =>
    startEngine(options).then((engine) => {
      others.push(engine);
      return engine;
    });
  keyed = await own({ models: ['key'], apiKey: 'right' });
  wrongKey = await own({ models: ['key'], apiKey: 'another' });
  embedder = await own({ models: ['mixed'], kind: 'pooling' });
  first = await own({ models: ['both'] });
  spare = await own({ models: ['both'] });
  lost = [await own({ models: ['base'], loras: ['adapter'] }), await own({ models: ['base'], loras: ['adapter'] })];
  lost.sort((a, b) => (a.url < b.url ? -1 : 1));
  const slow = { decodeRate: 20 };
  const apiKey = { env: 'BACKEND_KEY' };
  const source = (...backends: unknown[]) => ({ type: 'static', backends });
  fleet = await Fleet.start(
    { queue: [slow, slow], small: [slow], fair: [slow], sick: [{}, {}], mixed: [{}], plain: [{}] },
    {
      auth: { team: { type: 'api-key', keys: { env: 'TEAM' } } },
      listeners: {
        public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics'] },
        keyed: { bind: '127.0.0.1:0', serve: ['openai'], auth: 'team' },
      },
      defaults: { health: { interval: '0s' } },
      routes: [
        policy('queue', { limits: { inflightPerBackend: 1, queue: 4, queueTimeout: '5s' } }),
        policy('small', { limits: { inflightPerBackend: 1, queue: 8, queueTimeout: '200ms' } }),
        policy('fair', { limits: { inflightPerBackend: 1, queue: 100, queueTimeout: '10s' } }),
        policy('sick', { health: { interval: '100ms', timeout: '90ms', unhealthyAfter: 2, healthyAfter: 2 } }),
        { name: 'first', match: { models: ['both'] }, ...from('one'), fallback: ['second'] },
        { name: 'second', match: { headers: { 'x-never': 'sent' } }, ...from('two') },
        { name: 'rest', match: {}, backends: { from: ['engines', 'keys'] } },
      ],
    },
    [],
    { env: { TEAM: 'flooder: flooder\npolite: polite', BACKEND_KEY: 'right' } },
    {
      one: source({ url: first.url, models: ['both'] }),
      two: source({ url: spare.url, models: ['both'] }),
      keys: source(
        { url: keyed.url, models: ['key'], apiKey },
        { url: wrongKey.url, models: ['key', 'wrong'], apiKey },
        { url: embedder.url, models: ['mixed'] },
        ...lost.map(({ url }) => ({ url, models: ['adapter'] })),
      ),
    },
  );
});
after(async () => {
  await fleet?.stop();
  await Promise.all(others.map((engine) => engine.kill()));
});

const chats = ({ requests }: Engine) => requests.filter(({ url }) => url === CHAT);

test('fault 25: at its limit a backend gets no more; a bounded queue waits, and beyond it is 503 at once', async () => {
  const running = Array.from({ length: 6 }, () => fleet.chat('queue', { max_tokens: 8 }));
  const [a, b] = fleet.of('queue') as readonly [Engine, Engine];
  await eventually(async () => (await fleet.count('vllm_router_queued_requests', 'model="queue"')) === 4);
  assert.ok(a.open <= 1 && b.open <= 1);
  const refused = await fleet.chat('queue');
  assert.deepEqual([refused.status, errorOf(refused).code], [503, 'overloaded']);
  assert.ok(Number(refused.headers['retry-after']) <= 5);
  for (const answer of await Promise.all(running)) assert.equal(answer.status, 200);
  assert.equal(chats(a).length, 3);
  assert.equal(chats(b).length, 3);
  const lines = fleet.router.logs.filter((line) => line.msg === 'request' && line['model'] === 'queue');
  assert.deepEqual(
    lines.filter((line) => line['status'] === 503).map((line) => line['flag']),
    ['UO'],
  );
  assert.equal(await fleet.count('vllm_router_queued_requests', 'model="queue"'), 0);
});

test('fault 25: who waits too long is told 429; who leaves the queue leaves no trace', async () => {
  const first = fleet.chat('small', { max_tokens: 30 });
  await eventually(() => fleet.of('small')[0]!.open === 1);
  const leaving = await fleet.open('small');
  await eventually(async () => (await fleet.count('vllm_router_queued_requests', 'model="small"')) === 1);
  leaving.destroy();
  await eventually(async () => (await fleet.count('vllm_router_queued_requests', 'model="small"')) === 0);
  const late = await fleet.chat('small');
  assert.deepEqual([late.status, errorOf(late).code], [429, 'queue_timeout']);
  assert.equal((await first).status, 200);
  assert.equal(chats(fleet.of('small')[0]!).length, 1);
});

test('fault 25: holders of keys take turns, so that nobody’s flood delays the others', async () => {
  const ask = (key: string) =>
    rawRequest(fleet.router.urlOf('keyed'), {
      method: 'POST',
      path: CHAT,
      headers: { authorization: `Bearer ${key}` },
      body: chat('fair', { max_tokens: 2, user: key }),
    });
  const flood = Array.from({ length: 12 }, () => ask('flooder'));
  await eventually(async () => (await fleet.count('vllm_router_queued_requests', 'model="fair"')) === 11);
  const polite = ask('polite');
  await Promise.all([...flood, polite]);
  const order = chats(fleet.of('fair')[0]!).map(({ body }) => String(body).includes('polite'));
  assert.ok(order.indexOf(true) <= 3, `the polite one was served as number ${order.indexOf(true) + 1} of 13`);
});

test('a fallback route serves when no backend of the first can, and not on 4xx', async () => {
  first.faults.set({ kind: 'status', status: 200, body: '{"ok":1}' });
  spare.faults.set({ kind: 'status', status: 200, body: '{"ok":2}' });
  assert.equal((await fleet.chat('both')).body.toString(), '{"ok":1}');
  first.faults.set({ kind: 'status', status: 422, body: '{"error":{}}' });
  assert.equal((await fleet.chat('both')).status, 422);
  first.faults.set({ kind: 'status', status: 503, body: '{"error":{}}' });
  assert.equal((await fleet.chat('both')).body.toString(), '{"ok":2}');
  first.faults.set({ kind: 'refuse' });
  assert.equal((await fleet.chat('both')).body.toString(), '{"ok":2}');
  spare.faults.set({ kind: 'refuse' });
  const none = await fleet.chat('both');
  assert.deepEqual([none.status, errorOf(none).code], [503, 'backend_unavailable']);
  first.faults.clear();
  spare.faults.clear();
  assert.equal(await fleet.count('vllm_router_inflight_requests'), 0);
});

test('fault 23: health checks take a backend out after as many failures as configured, and bring it back', async () => {
  const [a, b] = fleet.of('sick') as readonly [Engine, Engine];
  a.faults.set({ kind: 'status', status: 503, path: '/health' });
  await eventually(async () => (await fleet.count('vllm_router_backend_state', a.url, 'state="unhealthy"')) === 1);
  const before = chats(b).length;
  for (let count = 0; count < 4; count++) assert.equal((await fleet.chat('sick')).status, 200);
  assert.equal(chats(b).length, before + 4);
  assert.equal(chats(a).length, 0);
  a.faults.clear();
  await eventually(async () => (await fleet.count('vllm_router_backend_state', a.url, 'state="ready"')) === 1);
  // When all are out, they are used all the same.
  for (const engine of [a, b]) engine.faults.set({ kind: 'status', status: 503, path: '/health' });
  await eventually(async () => (await fleet.count('vllm_router_backend_state', 'state="unhealthy"')) === 2);
  assert.equal((await fleet.chat('sick')).status, 200);
  for (const engine of [a, b]) engine.faults.clear();
});

test('fault 18: a backend that refuses the router’s key is taken out; its client never hears of the key', async () => {
  for (let count = 0; count < 4; count++) assert.equal((await fleet.chat('key')).status, 200);
  assert.equal(chats(wrongKey).length, 1);
  assert.equal(await fleet.count('vllm_router_backend_state', wrongKey.url, 'state="ejected"'), 1);
  await fleet.router.logged(({ msg, level }) => level === 'error' && /refuses the router's API key/.test(String(msg)));
  const alone = await fleet.chat('wrong');
  assert.deepEqual([alone.status, errorOf(alone).code], [502, 'backend_auth_failed']);
  assert.equal(alone.headers['x-should-retry'], 'false');
  assert.ok(!alone.raw.includes('right'));
  assert.ok(!JSON.stringify(fleet.router.logs).includes('right"'));
});

test('a 404 without an error object is an engine of the wrong kind: another one is asked', async () => {
  for (let count = 0; count < 4; count++) assert.equal((await fleet.chat('mixed')).status, 200);
  assert.ok(chats(embedder).length >= 1);
  const answer = await fleet.request({ method: 'POST', path: '/v1/embeddings', body: { model: 'plain', input: 'x' } });
  assert.deepEqual([answer.status, errorOf(answer).code], [404, 'endpoint_not_served']);
});

test('a model that an engine has just lost is asked for at another', async () => {
  const [a, b] = lost as unknown as readonly [Engine, Engine];
  a.models.loras.delete('adapter');
  for (let count = 0; count < 4; count++) assert.equal((await fleet.chat('adapter')).status, 200);
  assert.equal(chats(b).filter(({ outcome, status }) => outcome === 'completed' && status === 200).length, 4);
});
