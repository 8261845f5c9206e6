import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fleet } from './fleet.ts';
import { useCluster } from './harness.ts';
import { Traffic } from './traffic.ts';

const k8s = useCluster('pod-ip');
const serving = (engines: readonly { serving_models: string[] }[]) =>
  engines.filter(({ serving_models }) => serving_models.length > 0).length;

/** A router with two pods and traffic on them, and then: `ends` is called, and a third pod has to be found in `within` ms. */
async function through(root: string, happens: (traffic: Traffic) => Promise<void>, within: number): Promise<void> {
  const fleet = new Fleet(k8s.cluster);
  k8s.cleanup(() => fleet.stop());
  await fleet.add('a');
  await fleet.add('b');
  await fleet.start(root, { resync: '2s' });
  await fleet.lists((engines) => serving(engines) === 2);
  const traffic = new Traffic(fleet.router.url, 'm1', { every: 20 });
  k8s.cleanup(() => traffic.stop());
  await traffic.answers(30);
  await happens(traffic);
  const began = performance.now();
  await fleet.add('c');
  await fleet.lists((engines) => serving(engines) === 3);
  const ms = performance.now() - began;
  await traffic.answers(30);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  assert.ok(ms < within, `found after ${ms} ms`);
}

test('fault 57: an API server that hangs for a while', async () => {
  await through(
    k8s.root,
    async (traffic) => {
      await k8s.cluster.do('kill', 'apiserver', 'STOP');
      await traffic.answers(500);
      await k8s.cluster.do('kill', 'apiserver', 'CONT');
    },
    15_000,
  );
});

test('fault 57: a Role that is taken away and given back', async () => {
  const root = await k8s.cluster.serviceAccount('moody', 'pod-ip');
  await through(
    root,
    async (traffic) => {
      await k8s.cluster.serviceAccount('moody', 'none');
      await traffic.answers(300);
      await k8s.cluster.serviceAccount('moody', 'pod-ip');
    },
    15_000,
  );
});

test('a service account folder that is gone for a while', async () => {
  const root = await k8s.cluster.serviceAccount('folderless', 'pod-ip');
  await through(
    root,
    async (traffic) => {
      const folder = join(root, 'var/run/secrets');
      await rename(folder, `${folder}.away`);
      await traffic.answers(300);
      await rename(`${folder}.away`, folder);
    },
    6000,
  );
});

test('fault 57: a token that expires, and a new one in its file', async () => {
  // Refused some 20 s from now.
  const root = await k8s.cluster.serviceAccount('short', 'pod-ip', '-ttl', '-50s');
  await through(
    root,
    async (traffic) => {
      await traffic.answers(1500);
      await k8s.cluster.do('token', 'short', '-ttl', '1h');
    },
    10_000,
  );
});

test('fault 57: an etcd that is away while the router starts', async () => {
  const fleet = new Fleet(k8s.cluster);
  k8s.cleanup(() => fleet.stop());
  await fleet.add('a');
  await k8s.cluster.do('kill', 'etcd');
  const began = performance.now();
  await fleet.start(k8s.root);
  await fleet.lists((engines) => serving(engines) === 1);
  assert.equal((await fetch(`${fleet.router.url}/ready`)).status, 200);
  assert.ok(performance.now() - began < 10_000);
  await k8s.cluster.do('up', 'etcd');
});

test('two hundred pods at once, and two namespaces', async () => {
  await k8s.cluster.admin('POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
  k8s.cleanup(() => k8s.cluster.clear('other'));
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/other';
  await k8s.cluster.admin('POST', `${rbac}/roles`, {
    metadata: { name: 'router' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }],
  });
  await k8s.cluster.admin('POST', `${rbac}/rolebindings`, {
    metadata: { name: 'router' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'router' },
    subjects: [{ kind: 'ServiceAccount', name: 'router', namespace: 'default' }],
  });
  const fleet = new Fleet(k8s.cluster);
  k8s.cleanup(() => fleet.stop());
  const all = await fleet.add('a', { host: '0.0.0.0' });
  await fleet.start(k8s.root, { namespaces: ['default', 'other'] });
  await fleet.lists((engines) => serving(engines) === 1);
  const traffic = new Traffic(fleet.router.url, 'm1', { every: 20 });
  k8s.cleanup(() => traffic.stop());
  await k8s.cluster.do('pods', '200', '-port', String(all.port), '-n', 'other');
  await fleet.lists((engines) => serving(engines) === 201);
  await k8s.cluster.clear('other');
  await fleet.lists((engines) => serving(engines) === 1);
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
});

test('sleep and wake-up through the router, with the right to label the pod and without', async () => {
  const operator = await k8s.cluster.serviceAccount('operated', 'operator');
  for (const root of [k8s.root, operator]) {
    const fleet = new Fleet(k8s.cluster);
    await fleet.add('a');
    await fleet.add('b');
    const listeners = { public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'sleep'] } };
    await fleet.start(root, {}, { listeners });
    await fleet.lists((engines) => serving(engines) === 2);
    const { url } = fleet.router;
    const engines = (await (await fetch(`${url}/engines`)).json()) as { engine_id: string }[];
    const id = engines[0]!.engine_id;
    const sleepy = [...fleet.engines.values()];
    const label = async () => {
      const list = (await k8s.cluster.admin(
        'GET',
        '/api/v1/namespaces/default/pods?labelSelector=sleeping%3Dtrue',
      )) as {
        items: unknown[];
      };
      return list.items.length;
    };
    const slept = await fetch(`${url}/sleep?id=${id}&level=1`, { method: 'POST' });
    assert.equal(slept.status, 200);
    assert.deepEqual(await slept.json(), { status: 'success' });
    const traffic = new Traffic(url, 'm1', { every: 20 });
    await traffic.answers(30);
    const used = sleepy.filter((engine) => engine.requests.some((one) => one.url.startsWith('/v1/chat')));
    assert.equal(used.length, 1);
    if (root === k8s.root) assert.equal(await label(), 1);
    assert.equal((await fetch(`${url}/wake_up?id=${id}`, { method: 'POST' })).status, 200);
    await traffic.answers(60);
    await traffic.stop();
    assert.deepEqual(traffic.failures, []);
    assert.ok(sleepy.every((engine) => engine.requests.some((one) => one.url.startsWith('/v1/chat'))));
    await fleet.stop();
    await k8s.cluster.clear();
  }
});
