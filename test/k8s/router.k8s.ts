import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Fleet } from './fleet.ts';
import { useCluster } from './harness.ts';
import { Traffic } from './traffic.ts';

const k8s = useCluster('pod-ip');

async function fleet(pods: readonly string[]): Promise<Fleet> {
  const one = new Fleet(k8s.cluster);
  k8s.cleanup(() => one.stop());
  for (const name of pods) await one.add(name);
  await one.start(k8s.root);
  await one.lists(
    (engines) => engines.filter(({ serving_models }) => serving_models.length > 0).length === pods.length,
  );
  return one;
}

function traffic(one: Fleet, options?: { every?: number; tokens?: number }): Traffic {
  const load = new Traffic(one.router.url, 'm1', options);
  k8s.cleanup(() => load.stop());
  return load;
}

test('fault 57: the API server killed and restarted under traffic costs no request', async () => {
  const one = await fleet(['a', 'b']);
  const load = traffic(one);
  await load.answers(50);
  await k8s.cluster.do('kill', 'apiserver');
  await load.answers(100);
  await k8s.cluster.do('up', 'apiserver');
  const began = performance.now();
  await one.add('c');
  await one.lists((engines) => engines.length === 3);
  assert.ok(performance.now() - began < 6000);
  await load.answers(100);
  await load.stop();
  assert.deepEqual(load.failures, []);
});

test('fault 57: etcd wiped under traffic costs no request', async () => {
  const one = await fleet(['a', 'b']);
  const load = traffic(one);
  await load.answers(50);
  await k8s.cluster.do('wipe');
  await k8s.cluster.serviceAccount('router', 'pod-ip');
  // The pods are made again, with other UIDs, around the engines that never stopped.
  for (const [name, engine] of one.engines) {
    await k8s.cluster.do('pod', name, '-ip', '127.0.0.1', '-port', String(engine.port));
  }
  await one.router.logged(({ msg }) => msg?.includes('followed again') ?? false, 0, 30_000);
  await load.answers(100);
  await load.stop();
  assert.deepEqual(load.failures, []);
});

test('a rolling restart of every engine under traffic costs no request', async () => {
  const one = await fleet(['old-0', 'old-1', 'old-2']);
  const load = traffic(one, { tokens: 100 });
  await load.answers(50);
  for (let i = 0; i < 3; i++) {
    await one.add(`new-${i}`);
    await one.lists((engines) => engines.filter(({ serving_models }) => serving_models.length > 0).length >= 4);
    await one.terminate(`old-${i}`);
    await one.lists((engines) => engines.length === 3);
  }
  await load.answers(100);
  await load.stop();
  assert.deepEqual(load.failures, []);
});

test('fault 59: a terminating pod gets nothing new while its streams run on', async () => {
  const one = await fleet(['a', 'b']);
  // Some 2.5 s each, so that 20 have ended when the next are under way.
  const load = traffic(one, { every: 50, tokens: 1000 });
  const a = one.engines.get('a')!;
  await load.answers(20);
  assert.ok(a.running > 0);
  await k8s.cluster.do('rm', 'a');
  await new Promise((resolve) => setTimeout(resolve, 500));
  const seen = a.requests.length;
  await load.answers(60);
  const prompts = a.requests.slice(seen).filter(({ url }) => url.startsWith('/v1/chat'));
  assert.deepEqual(prompts, []);
  await k8s.cluster.do('rm', 'a', '-force');
  await load.stop();
  assert.deepEqual(load.failures, []);
});

test('fault 58: an address that another model takes over within a second never gets a request for the old one', async () => {
  const one = await fleet(['a', 'b']);
  const load = traffic(one);
  await load.answers(50);
  const a = one.engines.get('a')!;
  await k8s.cluster.do('rm', 'a');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await a.terminate(5000);
  await k8s.cluster.do('rm', 'a', '-force');
  const other = await one.add('other', { models: ['m2'], port: a.port });
  await one.lists((engines) => engines.some(({ serving_models }) => serving_models.includes('m2')));
  await load.answers(100);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.deepEqual(
    other.requests.filter(({ url }) => url.startsWith('/v1/chat')),
    [],
  );
});

test('a reload that changes the source costs no request', async () => {
  const one = await fleet(['a', 'b']);
  const load = traffic(one);
  await load.answers(50);
  for (const refresh of ['31s', '32s', '33s']) {
    const config = JSON.parse(await readFile(one.router.configFile, 'utf8'));
    config.discovery.cluster.refresh = refresh;
    await one.router.reload(config);
    await load.answers(50);
  }
  await load.stop();
  assert.deepEqual(load.failures, []);
});

test('the router is ready once it has listed, and not before its Role is there', async () => {
  const root = await k8s.cluster.serviceAccount('late', 'none');
  const one = new Fleet(k8s.cluster);
  k8s.cleanup(() => one.stop());
  await one.add('a');
  await one.start(root);
  assert.equal((await fetch(`${one.router.url}/health`)).status, 200);
  assert.equal((await fetch(`${one.router.url}/ready`)).status, 503);
  await k8s.cluster.serviceAccount('late', 'pod-ip');
  await one.lists((engines) => engines.some(({ serving_models }) => serving_models.includes('m1')));
  assert.equal((await fetch(`${one.router.url}/ready`)).status, 200);
});

test('a LoRA adapter that a controller loads and marks by an annotation can be asked for', async () => {
  const one = new Fleet(k8s.cluster);
  k8s.cleanup(() => one.stop());
  const engine = await one.add('a', { loras: [] });
  await one.start(k8s.root, { refresh: '1h' });
  await one.lists((engines) => engines.some(({ serving_models }) => serving_models.includes('m1')));
  const ask = () => post(one, '/v1/chat/completions', { model: 'lora-1', max_tokens: 1, messages: [] });
  assert.equal((await ask()).status, 404);
  const adapter = JSON.stringify({ lora_name: 'lora-1', lora_path: '/loras/1' });
  const headers = { 'content-type': 'application/json' };
  const loaded = await fetch(`${engine.url}/v1/load_lora_adapter`, { method: 'POST', headers, body: adapter });
  assert.equal(loaded.status, 200);
  await k8s.cluster.do('pod', 'a', '-annotations', 'lora-modified=1');
  await one.lists((engines) => engines.some(({ serving_models }) => serving_models.includes('lora-1')));
  assert.notEqual((await ask()).status, 404);
  const models = (await (await fetch(`${one.router.url}/v1/models`)).json()) as {
    data: { id: string; parent: string }[];
  };
  assert.equal(models.data.find(({ id }) => id === 'lora-1')?.parent, 'm1');
});

test('service-name mode through the router: endpoints come, go and come back', async () => {
  const root = await k8s.cluster.serviceAccount('services', 'service-name');
  const one = new Fleet(k8s.cluster);
  k8s.cleanup(() => one.stop());
  const engine = await one.add('behind');
  await k8s.cluster.do('service', 'localhost', '-port', String(engine.port));
  await k8s.cluster.do('endpoints', 'localhost', '-ready', '192.0.2.1');
  await one.start(root, { mode: 'service-name' });
  await one.lists((engines) => engines.some(({ serving_models }) => serving_models.includes('m1')));
  const ask = () =>
    post(one, '/v1/chat/completions', { model: 'm1', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] });
  assert.equal((await ask()).status, 200);
  await k8s.cluster.do('endpoints', 'localhost');
  await one.lists((engines) => engines.length === 0);
  // The original knew nothing of a model whose service had lost its pods, and said 404.
  assert.equal((await ask()).status, 503);
  await k8s.cluster.do('endpoints', 'localhost', '-ready', '192.0.2.1');
  await one.lists((engines) => engines.some(({ serving_models }) => serving_models.includes('m1')));
  assert.equal((await ask()).status, 200);
});

function post(one: Fleet, path: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${one.router.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}
