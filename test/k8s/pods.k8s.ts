import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuid5 } from '../../src/discovery/uuid5.ts';
import { card, Engine } from './engines.ts';
import { useCluster } from './harness.ts';

const k8s = useCluster('pod-ip');

test('a pod comes, gets unready and ready again, and goes', async () => {
  const a = await k8s.engine('m1');
  const follower = await k8s.follow();
  await k8s.pod('a', a, '-ready=false', '-labels', 'app=vllm,model=x,pool=chat');
  await k8s.cluster.do('ready', 'a', 'true');
  await follower.shows('a:m1');
  const spec = follower.specs[0]!;
  assert.equal(spec.url, `http://127.0.0.1:${a.port}`);
  assert.equal(spec.name, 'default/a');
  assert.equal(spec.engineId, uuid5('a'));
  assert.deepEqual({ ...spec.labels }, { app: 'vllm', model: 'x', pool: 'chat' });
  assert.equal(spec.source, 'cluster');
  await k8s.cluster.do('ready', 'a', 'false');
  await follower.shows('');
  await k8s.cluster.do('ready', 'a', 'true');
  await follower.shows('a:m1');
  assert.equal(follower.specs[0]!.id, spec.id);
  await k8s.cluster.do('rm', 'a', '-force');
  await follower.shows('');
});

test('a source that starts with an empty cluster is synced and says so', async () => {
  const follower = await k8s.follow();
  await follower.until(() => follower.publications > 0, 'a publication');
  assert.equal(follower.source.synced, true);
  assert.deepEqual(follower.specs, []);
});

test('a source that finds pods is synced once they have named their models', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  assert.equal(follower.source.synced, true);
  assert.ok(follower.source.status().lastSyncAge! < 5000);
});

test('fault 59: a terminating pod gets nothing more at once, and is there until it is deleted', async () => {
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  const follower = await k8s.follow();
  await follower.shows('a:m1 b:m1');
  // The kubelet leaves it Ready=True with its IP.
  const ms = await follower.time(() => k8s.cluster.do('rm', 'a'), 'a:m1! b:m1');
  assert.ok(ms < 1000, `${ms} ms`);
  await k8s.cluster.do('ready', 'a', 'false');
  await k8s.cluster.do('rm', 'a', '-force');
  await follower.shows('b:m1');
});

test('a pod that no longer matches the selector goes', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  await k8s.cluster.do('pod', 'a', '-labels', 'app=other');
  await follower.shows('');
});

test('an evicted pod, which keeps its IP, is no backend', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  await k8s.cluster.do('pod', 'a', '-phase', 'Failed');
  await follower.shows('');
});

test('every container has to be ready', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a, '-containers', 'vllm,sidecar');
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  await k8s.cluster.do('ready', 'a', 'false', '-container', 'sidecar');
  await follower.shows('');
  await k8s.cluster.do('ready', 'a', 'true', '-container', 'sidecar');
  await follower.shows('a:m1');
});

test('a readiness gate counts, although every container is ready', async () => {
  const a = await k8s.engine('m1');
  const follower = await k8s.follow();
  const pods = '/api/v1/namespaces/default/pods';
  await k8s.cluster.admin('POST', pods, {
    metadata: { name: 'gated', labels: { app: 'vllm' } },
    spec: {
      nodeName: 'node-1',
      readinessGates: [{ conditionType: 'example.com/lb' }],
      containers: [{ name: 'vllm', image: 'x', command: ['x'], ports: [{ name: 'http', containerPort: a.port }] }],
    },
  });
  const status = (ready: boolean) => ({
    status: {
      phase: 'Running',
      podIP: '127.0.0.1',
      podIPs: [{ ip: '127.0.0.1' }],
      containerStatuses: [
        { name: 'vllm', image: 'x', imageID: 'x', ready: true, restartCount: 0, state: { running: {} } },
      ],
      conditions: [
        { type: 'ContainersReady', status: 'True' },
        ...(ready ? [{ type: 'example.com/lb', status: 'True' }] : []),
        { type: 'Ready', status: ready ? 'True' : 'False' },
      ],
    },
  });
  const patch = (ready: boolean) =>
    k8s.cluster.admin('PATCH', `${pods}/gated/status`, status(ready), 'application/merge-patch+json');
  await patch(false);
  const b = await k8s.engine('m2');
  await k8s.pod('b', b);
  await follower.shows('b:m2');
  await patch(true);
  await follower.shows('b:m2 gated:m1');
});

test('a burst of 200 pods is a handful of publications', async () => {
  const all = await Engine.start(['m1'], '0.0.0.0');
  k8s.cleanup(() => all.stop());
  await k8s.cluster.do('pods', '200', '-port', String(all.port));
  const follower = await k8s.follow();
  await follower.until(() => follower.specs.filter((one) => one.models.length === 1).length === 200, '200 backends');
  assert.ok(follower.publications < 25, `${follower.publications} publications`);
  assert.equal(all.addresses.size, 200);
  assert.equal(all.asked.length, 200);
  const before = follower.publications;
  const ms = await follower.time(() => k8s.cluster.clear(), '');
  const went = follower.publications - before;
  assert.ok(went <= ms / 20 + 2, `${went} publications in ${ms} ms`);
});

test('fault 58: a new pod on an old address is a new backend, and its models are its own', async () => {
  const one = await k8s.engine('m1');
  await k8s.pod('a', one);
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  const seen = new Set<string>();
  const watching = follower.until(() => {
    seen.add(follower.summary);
    return follower.summary === 'b:m2';
  }, 'b with m2');
  await k8s.cluster.do('rm', 'a', '-force');
  one.models = [card('m2')];
  await k8s.pod('b', one);
  await watching;
  assert.deepEqual(
    [...seen].filter((summary) => summary.includes('b:m1')),
    [],
  );
});

test('fault 58: a pod recreated under its old name and address, as a StatefulSet does, is asked anew', async () => {
  const one = await k8s.engine('m1');
  await k8s.pod('a', one);
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  const { id, engineId } = follower.specs[0]!;
  one.models = [card('m2')];
  await k8s.cluster.do('rm', 'a', '-force');
  await k8s.pod('a', one);
  await follower.shows('a:m2');
  assert.notEqual(follower.specs[0]!.id, id);
  assert.equal(follower.specs[0]!.engineId, engineId);
});

test('an annotation alone makes the models be asked again: a LoRA adapter was loaded', async () => {
  const a = await k8s.engine('base');
  await k8s.pod('a', a);
  const follower = await k8s.follow();
  await follower.shows('a:base');
  a.models = [card('base'), card('adapter', 'base')];
  await k8s.cluster.do('pod', 'a', '-annotations', 'lora-modified=1');
  await follower.shows('a:base,adapter');
  assert.equal(follower.specs[0]!.models[1]!.parent, 'base');
});

test('a list of what is known asks nobody again', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow({ config: { resync: 300 } });
  await follower.shows('a:m1');
  const { publications } = follower;
  const lists = () => follower.lists.filter((list) => list === 'pods resync').length;
  await follower.until(() => lists() >= 3, 'three lists');
  assert.equal(a.asked.length, 1);
  assert.equal(follower.publications, publications);
});

test('models are asked again at intervals', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow({ config: { refresh: 100 } });
  await follower.shows('a:m1');
  a.models = [card('m2')];
  await follower.shows('a:m2');
});

test('one pod that never answers delays nobody', async () => {
  const slow = await k8s.engine('m1');
  slow.mode = 'hang';
  const others = await k8s.engine('m2');
  await k8s.pod('slow', slow);
  const follower = await k8s.follow();
  await follower.shows('slow:');
  const ms = await follower.time(() => k8s.pod('b', others), 'b:m2 slow:');
  assert.ok(ms < 2000, `${ms} ms`);
});

test('a ready pod whose probe fails keeps its models; a new one is asked until it answers', async () => {
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m2')];
  b.mode = 'error';
  await k8s.pod('a', a);
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  a.mode = 'error';
  const asked = b.nextRequest('/v1/models');
  await k8s.pod('b', b);
  await k8s.cluster.do('pod', 'a', '-annotations', 'x=1');
  await asked;
  await follower.shows('a:m1 b:');
  b.mode = 'ok';
  await follower.shows('a:m1 b:m2');
  assert.ok(a.asked.length >= 2);
});

test('the port may be a number or an annotation, and the key is sent', async () => {
  const a = await k8s.engine('m1');
  await k8s.cluster.do('pod', 'a', '-ip', '127.0.0.1', '-annotations', `example.com/port=${a.port}`);
  const byAnnotation = await k8s.follow({
    config: { port: { annotation: 'example.com/port' }, apiKey: { env: 'ENGINE_KEY' } },
  });
  await byAnnotation.shows('a:m1');
  assert.deepEqual(a.authorizations, ['Bearer key-of-ENGINE_KEY']);
  assert.deepEqual(byAnnotation.specs[0]!.apiKey, { env: 'ENGINE_KEY' });
  const byNumber = await k8s.follow({ config: { port: a.port } });
  await byNumber.shows('a:m1');
});

test('two namespaces are followed, each with its own rights', async () => {
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m2')];
  await k8s.pod('a', a);
  await k8s.cluster.admin('POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
  k8s.cleanup(() => k8s.cluster.clear('other'));
  await k8s.pod('a', b, '-n', 'other');
  const follower = await k8s.follow({ config: { namespaces: ['default', 'other'] }, limits: { list: 1500 } });
  await follower.until(() => follower.errors.includes('list pods 403'), 'refused in the other namespace');
  await follower.shows('a:m1');
  assert.equal(follower.source.synced, false);
  assert.match(follower.source.status().troubles.join(), /cannot list resource "pods" .* in the namespace "other"/);
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
  await follower.shows('a:m1 other/a:m2');
  assert.equal(new Set(follower.specs.map((spec) => spec.engineId)).size, 2);
  await follower.until(() => follower.source.synced, 'synced');
});

test('nothing is published after stop, and stop leaves no watch behind', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  await follower.stop();
  const { publications } = follower;
  await k8s.cluster.do('rm', 'a', '-force');
  const other = await k8s.follow();
  await other.until(() => other.source.synced, 'synced');
  assert.equal(follower.publications, publications);
});
