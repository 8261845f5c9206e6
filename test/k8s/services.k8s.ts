import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuid5 } from '../../src/discovery/uuid5.ts';
import { card } from './engines.ts';
import { useCluster } from './harness.ts';
import { StallProxy } from './stall-proxy.ts';

const k8s = useCluster('service-name');

/** The one service name that resolves on every machine. */
const NAME = 'localhost';
const mode = 'service-name' as const;

test('a service is a backend while its endpoints have addresses', async () => {
  const one = await k8s.engine('m1');
  const follower = await k8s.follow({ config: { mode, port: one.port } });
  await k8s.cluster.do('service', NAME, '-port', String(one.port), '-labels', 'app=vllm,pool=chat');
  await k8s.cluster.do('endpoints', NAME, '-notready', '192.0.2.1');
  await follower.until(() => follower.source.synced, 'synced');
  assert.equal(follower.summary, '');
  await k8s.cluster.do('endpoints', NAME, '-ready', '192.0.2.1');
  await follower.shows('localhost:m1');
  const [spec] = follower.specs;
  assert.equal(spec!.url, `http://localhost:${one.port}`);
  assert.equal(spec!.engineId, uuid5(NAME));
  assert.deepEqual({ ...spec!.labels }, { app: 'vllm', pool: 'chat' });
  // A change of the endpoints alone, which the original missed, is a reason to ask again.
  one.models = [card('m1'), card('m2')];
  await k8s.cluster.do('endpoints', NAME, '-ready', '192.0.2.1,192.0.2.2');
  await follower.shows('localhost:m1,m2');
  await k8s.cluster.do('endpoints', NAME);
  await follower.shows('');
  await k8s.cluster.do('endpoints', NAME, '-ready', '192.0.2.1');
  await follower.shows('localhost:m1,m2');
  await k8s.cluster.admin('DELETE', `/api/v1/namespaces/default/services/${NAME}`);
  await follower.shows('');
});

test('the named port of a service, and the model of its selector as label', async () => {
  const one = await k8s.engine('m1');
  await k8s.cluster.do('service', NAME, '-port', String(one.port), '-selector', 'model=llama');
  await k8s.cluster.do('endpoints', NAME, '-ready', '192.0.2.1');
  const follower = await k8s.follow({ config: { mode } });
  await follower.shows('localhost:m1');
  assert.equal(follower.specs[0]!.labels['model'], 'llama');
});

test('endpointslices are read where the Role allows them, endpoints where not, in either order of time', async () => {
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/modern';
  const one = await k8s.engine('m1');
  await k8s.cluster.do('service', NAME, '-port', String(one.port));
  const slice = (ready: boolean) => ({
    metadata: { name: 'localhost-1', labels: { 'kubernetes.io/service-name': NAME } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready } }],
    ports: [{ name: 'http', port: one.port }],
  });
  const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  await k8s.cluster.admin('POST', slices, slice(true));
  k8s.cleanup(() => k8s.cluster.admin('DELETE', `${slices}/localhost-1`));
  const root = await k8s.cluster.serviceAccount('modern', 'none');
  const follower = await k8s.follow({ root, config: { mode }, limits: { maxRetry: 500 } });
  await follower.until(() => follower.errors.includes('list endpoints 403'), 'endpoints refused too');
  assert.match(follower.source.status().troubles.join(), /endpoints is forbidden|endpointslices.* is forbidden/);
  await k8s.cluster.admin('PUT', rbac, {
    metadata: { name: 'modern' },
    rules: [
      { apiGroups: [''], resources: ['services'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  });
  await follower.shows('localhost:m1');
  assert.ok(follower.lists.some((list) => list.startsWith('endpointslices')));
  await k8s.cluster.admin('PUT', `${slices}/localhost-1`, slice(false));
  await follower.shows('');
  await k8s.cluster.admin('PUT', `${slices}/localhost-1`, slice(true));
  await follower.shows('localhost:m1');
});

test('endpoints that are all gone behind our back are doubted: the service stays while it answers', async () => {
  const proxy = await StallProxy.start(k8s.cluster.port);
  k8s.cleanup(() => proxy.stop());
  const one = await k8s.engine('m1');
  await k8s.cluster.do('service', NAME, '-port', String(one.port));
  await k8s.cluster.do('endpoints', NAME, '-ready', '192.0.2.1');
  const limits = { watchIdle: 1500, connect: 500, list: 1000, emptyGrace: 2000 };
  const follower = await k8s.follow({ config: { mode }, port: proxy.port, limits });
  await follower.shows('localhost:m1');
  proxy.stallAll(true);
  await k8s.cluster.admin('DELETE', `/api/v1/namespaces/default/endpoints/${NAME}`);
  proxy.stallAll(false);
  await follower.until(() => follower.log.some(({ message }) => message.includes('lists no endpoints')), 'doubted');
  assert.equal(follower.summary, 'localhost:m1');
  const began = performance.now();
  await follower.shows('');
  assert.ok(performance.now() - began > 1000);
});

test('a sleeping service', async () => {
  const one = await k8s.engine('m1');
  await k8s.cluster.do('service', NAME, '-port', String(one.port));
  await k8s.cluster.do('endpoints', NAME, '-ready', '192.0.2.1');
  const follower = await k8s.follow({ config: { mode } });
  await follower.shows('localhost:m1');
  const { id } = follower.specs[0]!;
  assert.equal(await follower.source.setSleeping(id, true), 'label');
  await follower.shows('localhost:m1~');
  assert.equal(await follower.source.setSleeping(id, false), 'label');
  await follower.shows('localhost:m1');
});
