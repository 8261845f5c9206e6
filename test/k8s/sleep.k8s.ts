import assert from 'node:assert/strict';
import { test } from 'node:test';
import { useCluster } from './harness.ts';

const k8s = useCluster('pod-ip');
const pods = '/api/v1/namespaces/default/pods';

async function sleepingLabel(name: string): Promise<string | undefined> {
  const pod = (await k8s.cluster.admin('GET', `${pods}/${name}`)) as { metadata: { labels: Record<string, string> } };
  return pod.metadata.labels['sleeping'];
}

test('a pod labelled sleeping=true sleeps', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  await k8s.cluster.do('pod', 'a', '-labels', 'app=vllm,sleeping=true');
  await follower.shows('a:m1~');
  await k8s.cluster.do('pod', 'a', '-labels', 'app=vllm');
  await follower.shows('a:m1');
});

test('an engine in sleep mode is asked itself', async () => {
  const [asleep, awake, without] = [await k8s.engine('m1'), await k8s.engine('m1'), await k8s.engine('m1')];
  asleep.asleep = true;
  awake.asleep = false;
  // No command: the image's own, which may have sleep mode. And sleep mode by flag. And none.
  await k8s.pod('asleep', asleep, '-command', '');
  await k8s.pod('awake', awake, '-command', 'vllm serve m --enable-sleep-mode');
  await k8s.pod('without', without);
  const follower = await k8s.follow();
  await follower.shows('asleep:m1~ awake:m1 without:m1');
  assert.ok(awake.asked.includes('/is_sleeping'));
  assert.ok(!without.asked.includes('/is_sleeping'));
});

test('an engine that says 404 to /is_sleeping is not asked for it again', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a, '-command', '');
  const follower = await k8s.follow({ config: { refresh: 50 } });
  await follower.shows('a:m1');
  for (let i = 0; i < 3; i++) await a.nextRequest('/v1/models');
  assert.equal(a.asked.filter((path) => path === '/is_sleeping').length, 1);
});

test('sleep and wake-up are written as a label, for every replica', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const [one, other] = [await k8s.follow(), await k8s.follow()];
  await Promise.all([one.shows('a:m1'), other.shows('a:m1')]);
  const { id } = one.specs[0]!;
  assert.equal(await one.source.setSleeping(id, true), 'label');
  await Promise.all([one.shows('a:m1~'), other.shows('a:m1~')]);
  assert.equal(await sleepingLabel('a'), 'true');
  assert.equal(await one.source.setSleeping(id, false), 'label');
  await Promise.all([one.shows('a:m1'), other.shows('a:m1')]);
  assert.equal(await sleepingLabel('a'), undefined);
  assert.equal(await one.source.setSleeping('nobody', true), undefined);
});

test('without the right to patch, the router remembers', async () => {
  const root = await k8s.cluster.serviceAccount('operated', 'operator');
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow({ root });
  await follower.shows('a:m1');
  const { id } = follower.specs[0]!;
  assert.equal(await follower.source.setSleeping(id, true), 'memory');
  await follower.shows('a:m1~');
  const asked = a.nextRequest('/v1/models');
  await k8s.cluster.do('pod', 'a', '-annotations', 'other=change');
  await asked;
  assert.equal(follower.summary, 'a:m1~');
  assert.equal(await follower.source.setSleeping(id, false), 'memory');
  await follower.shows('a:m1');
  // Woken here although a label that nobody here may remove says otherwise.
  await k8s.cluster.do('pod', 'a', '-labels', 'app=vllm,sleeping=true');
  await follower.shows('a:m1~');
  assert.equal(await follower.source.setSleeping(id, false), 'memory');
  await follower.shows('a:m1');
});

test('the engine has the last word over what the router remembers', async () => {
  const root = await k8s.cluster.serviceAccount('operated', 'operator');
  const a = await k8s.engine('m1');
  a.asleep = true;
  await k8s.pod('a', a, '-command', '');
  const follower = await k8s.follow({ root, config: { refresh: 100 } });
  await follower.shows('a:m1~');
  a.asleep = false;
  assert.equal(await follower.source.setSleeping(follower.specs[0]!.id, false), 'memory');
  await follower.shows('a:m1');
  // Another router puts it to sleep.
  a.asleep = true;
  await follower.shows('a:m1~');
});

test('a pod of the same name that came after is not labelled', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  const { id } = follower.specs[0]!;
  await k8s.cluster.do('kill', 'apiserver', 'STOP');
  const patching = follower.source.setSleeping(id, true);
  await follower.shows('a:m1~');
  await k8s.cluster.do('kill', 'apiserver', 'CONT');
  assert.equal(await patching, 'label');
  const stale = { ...follower.specs[0]! };
  await k8s.cluster.do('rm', 'a', '-force');
  await k8s.pod('a', a);
  await follower.until(() => follower.specs.some((spec) => spec.id !== stale.id), 'the new pod');
  assert.equal(await follower.source.setSleeping(stale.id, true), undefined);
  assert.equal(await sleepingLabel('a'), undefined);
});
