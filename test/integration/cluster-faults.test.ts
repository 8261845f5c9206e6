import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { type Call, FakeApi } from '../discovery/kubernetes/fake-api.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { scripted } from '../proxy/upstream/scripted.ts';
import { CHAT, chatRequest, errorOf, eventually } from './fleet.ts';

/**
 * The router as a process with an API server whose answers the test gives by hand; test/k8s has the same with a real one, for which Go has
 * to build it.
 */
interface Cluster {
  readonly api: FakeApi;
  readonly router: SpawnedRouter;
  /** The watch that is open now. */
  watch: Call;
}

async function follow(t: TestContext, ...pods: unknown[]): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'cluster-'));
  const api = await FakeApi.start();
  const kubeconfig = join(folder, 'kubeconfig');
  const context = { name: 'c', context: { cluster: 'c', user: 'u', namespace: 'default' } };
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: api.url } }],
      users: [{ name: 'u', user: {} }],
      contexts: [context],
      'current-context': 'c',
    }),
  );
  const more = {
    discovery: { cluster: { type: 'k8s', labelSelector: 'app=vllm', portName: 'http' } },
    defaults: { health: { interval: '100ms', timeout: '90ms' }, algorithm: { type: 'round-robin' } },
  };
  const starting = spawnRouter({ config: configFor([], more), env: { KUBECONFIG: kubeconfig } });
  (await api.next('list')).list('1', ...pods);
  const watch = await api.next('watch');
  watch.watch();
  const router = await starting;
  t.after(async () => {
    await router.stop('SIGKILL');
    await api.stop();
    rmSync(folder, { recursive: true });
  });
  return { api, router, watch };
}

let version = 1;
function pod(name: string, uid: string, url: string, more: object = {}) {
  const containerPort = Number(new URL(url).port);
  const metadata = { name, uid, namespace: 'default', labels: { app: 'vllm' }, resourceVersion: String(++version) };
  return {
    metadata: { ...metadata, ...more },
    spec: { containers: [{ name: 'vllm', ports: [{ name: 'http', containerPort }] }] },
    status: { phase: 'Running', podIP: '127.0.0.1', containerStatuses: [{ ready: true, restartCount: 0 }] },
  };
}

const event = (watch: Call, type: string, object: unknown) =>
  watch.response.write(`${JSON.stringify({ type, object })}\n`);

/** The models of each backend that the router lists. */
async function listed({ router }: Cluster): Promise<string[]> {
  const { body } = await rawRequest(router.url, { path: '/engines' });
  return (JSON.parse(body.toString()) as { serving_models: string[] }[]).map(
    ({ serving_models }) => `${serving_models}`,
  );
}

async function metric({ router }: Cluster, ...parts: string[]): Promise<number> {
  const { body } = await rawRequest(router.url, { path: '/metrics' });
  const lines = body.toString().split('\n');
  const found = lines.filter((line) => !line.startsWith('#') && parts.every((part) => line.includes(part)));
  return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

const ask = ({ router }: Cluster, model: string, more = {}) => rawRequest(router.url, chatRequest(model, more));
const chats = ({ requests }: Engine) => requests.filter(({ url }) => url === CHAT).length;
const checks = ({ requests }: Engine) => requests.filter(({ url }) => url === '/health').length;

async function pair(t: TestContext): Promise<readonly [Engine, Engine]> {
  const engines = await Promise.all([startEngine({ models: ['m'] }), startEngine({ models: ['m'] })]);
  t.after(() => Promise.all(engines.map((engine) => engine.kill())));
  return engines;
}

test('fault 57: an API server that errs, refuses or stalls takes no backend away; what it says afterwards counts', async (t) => {
  const [a, b] = await pair(t);
  const cluster = await follow(t, pod('a', 'a', a.url), pod('b', 'b', b.url));
  const { api, watch } = cluster;
  await eventually(async () => `${await listed(cluster)}` === 'm,m');
  event(watch, 'ERROR', { kind: 'Status', code: 410, message: 'too old resource version' });
  const troubles: ((call: Call) => void)[] = [
    (call) => call.status(500),
    (call) => call.status(401),
    (call) => void call.response.destroy(),
    (call) => call.status(410),
    // The last one says nothing at all for a while.
    () => {},
  ];
  let stalled: Call | undefined;
  for (const trouble of troubles) {
    stalled = await api.next('list');
    trouble(stalled);
    for (let count = 0; count < 4; count++) assert.equal((await ask(cluster, 'm')).status, 200);
  }
  assert.ok(chats(a) >= 8 && chats(b) >= 8, `${chats(a)} and ${chats(b)}`);
  const before = [checks(a), checks(b)];
  await eventually(() => checks(a) > before[0]! && checks(b) > before[1]!);
  assert.ok((await metric(cluster, 'vllm_router_discovery_last_sync_age_seconds')) > 0);
  assert.equal(await metric(cluster, 'vllm_router_discovery_troubles'), 1);
  assert.equal((await rawRequest(cluster.router.url, { path: '/ready' })).status, 200);
  for (const code of ['500', '401', '410']) {
    assert.ok((await metric(cluster, 'vllm_router_discovery_api_errors_total', `code="${code}"`)) >= 1, code);
  }
  stalled!.response.destroy();
  (await api.next('list')).list('9', pod('b', 'b', b.url));
  (await api.next('watch')).watch();
  await eventually(async () => `${await listed(cluster)}` === 'm');
  const gone = chats(a);
  for (let count = 0; count < 4; count++) assert.equal((await ask(cluster, 'm')).status, 200);
  assert.equal(chats(a), gone);
  assert.equal(await metric(cluster, 'vllm_router_discovery_troubles'), 0);
});

interface ScriptedPod {
  readonly url: string;
  /** The connections of the requests it was sent. */
  readonly posts: readonly Socket[];
  /** What it says that it serves. */
  model: string;
  /** The next answers to that question wait to be let go. */
  holds: boolean;
  letGo: (() => void) | undefined;
}

async function scriptedPod(t: TestContext, model: string): Promise<ScriptedPod> {
  const posts: Socket[] = [];
  const { url } = await scripted(t, (socket, request) => {
    const answer = (body: string) =>
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    if (request.startsWith('GET /v1/models')) {
      const tell = () => answer(JSON.stringify({ object: 'list', data: [{ id: one.model }] }));
      if (one.holds) one.letGo = tell;
      else tell();
    } else if (request.startsWith('POST')) {
      posts.push(socket);
      answer('{"choices":[{"finish_reason":"stop"}]}');
    } else answer('');
  });
  const one: ScriptedPod = { url, posts, model, holds: false, letGo: undefined };
  return one;
}

test('fault 58: a pod on an address that another had is asked for its models before it gets a request', async (t) => {
  const one = await scriptedPod(t, 'old');
  const bystander = await scriptedPod(t, 'bystander');
  const first = pod('a', 'first', one.url);
  const cluster = await follow(t, first, pod('z', 'z', bystander.url));
  await eventually(async () => `${(await listed(cluster)).sort()}` === 'bystander,old');
  assert.equal((await ask(cluster, 'bystander')).status, 200);
  assert.equal((await ask(cluster, 'old')).status, 200);
  const closed = once(one.posts[0]!, 'close');
  event(cluster.watch, 'DELETED', first);
  // The connection that was kept for it leads to whoever has the address next. One that has been idle for longer is still there.
  await closed;
  assert.equal(bystander.posts[0]!.destroyed, false);
  one.holds = true;
  one.model = 'new';
  event(cluster.watch, 'ADDED', pod('b', 'second', one.url));
  await eventually(() => one.letGo !== undefined);
  for (const name of ['old', 'new']) assert.notEqual((await ask(cluster, name)).status, 200);
  one.holds = false;
  one.letGo!();
  await eventually(async () => (await listed(cluster)).includes('new'));
  const late = await ask(cluster, 'old');
  assert.deepEqual([late.status, errorOf(late).code], [503, 'model_unavailable']);
  assert.equal(one.posts.length, 1);
  assert.equal((await ask(cluster, 'new')).status, 200);
  assert.notEqual(one.posts[1], one.posts[0]);
});

test('faults 23, 59: a terminating pod gets no new request, not even as the last one; its streams run on', async (t) => {
  const [a, b] = await pair(t);
  const pods = { a: pod('a', 'a', a.url), b: pod('b', 'b', b.url) };
  const cluster = await follow(t, pods.a, pods.b);
  await eventually(async () => `${await listed(cluster)}` === 'm,m');
  const streams = [0, 1].map(() => ask(cluster, 'm', { stream: true, max_tokens: 300 }));
  await eventually(() => a.running === 1 && b.running === 1);
  const deletionTimestamp = new Date().toISOString();
  const terminating = () => metric(cluster, 'vllm_router_backend_state', 'state="terminating"');
  event(cluster.watch, 'MODIFIED', pod('a', 'a', a.url, { deletionTimestamp }));
  await eventually(async () => (await terminating()) === 1);
  for (let count = 0; count < 6; count++) assert.equal((await ask(cluster, 'm')).status, 200);
  assert.deepEqual([chats(a), chats(b)], [1, 7]);
  event(cluster.watch, 'MODIFIED', pod('b', 'b', b.url, { deletionTimestamp }));
  await eventually(async () => (await terminating()) === 2);
  const none = await ask(cluster, 'm');
  assert.deepEqual([none.status, errorOf(none).code], [503, 'model_unavailable']);
  assert.deepEqual([a.running, b.running], [1, 1]);
  for (const stream of await Promise.all(streams)) {
    assert.ok(stream.clean);
    assert.match(stream.body.toString(), /data: \[DONE\]\n\n$/);
  }
  assert.deepEqual([chats(a), chats(b)], [1, 7]);
});
