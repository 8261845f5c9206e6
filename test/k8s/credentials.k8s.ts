import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { useCluster } from './harness.ts';

const k8s = useCluster('pod-ip');
const SHORT = { watch: 1000, maxRetry: 1000 };

test('a Role that comes after the router is noticed, and what is missing is said', async () => {
  const root = await k8s.cluster.serviceAccount('late', 'none');
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow({ root, limits: { maxRetry: 1000 } });
  await follower.until(() => follower.errors.length >= 3, 'refused');
  assert.equal(follower.source.synced, false);
  assert.equal(follower.publications, 0);
  const said = follower.log.filter(({ level }) => level === 'warn');
  assert.equal(said.length, 1);
  assert.match(
    said[0]!.message,
    /system:serviceaccount:default:late" cannot list resource "pods" .* namespace "default"/,
  );
  await k8s.cluster.serviceAccount('late', 'pod-ip');
  await follower.shows('a:m1');
  await follower.until(() => follower.source.synced, 'synced');
  await follower.until(() => follower.log.some(({ message }) => message.includes('followed again')), 'the good news');
});

test('a Role that is taken away removes no backend, and given back it is used', async () => {
  const root = await k8s.cluster.serviceAccount('moody', 'pod-ip');
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  const follower = await k8s.follow({ root, limits: SHORT });
  await follower.shows('a:m1 b:m1');
  await k8s.cluster.serviceAccount('moody', 'none');
  await follower.until(() => follower.errors.filter((error) => error === 'list pods 403').length >= 2, 'refused');
  assert.equal(follower.summary, 'a:m1 b:m1');
  await k8s.cluster.serviceAccount('moody', 'pod-ip');
  await k8s.cluster.do('rm', 'a', '-force');
  await follower.shows('b:m1');
});

test('an expired token costs nothing when a new one lies in the file', async () => {
  // Accepted for 60 s past its end and cached for 10 s more: dead after some 20 s.
  const root = await k8s.cluster.serviceAccount('short', 'pod-ip', '-ttl', '-50s');
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  const follower = await k8s.follow({ root, limits: SHORT, config: { resync: 500 } });
  await follower.shows('a:m1 b:m1');
  await follower.until(() => follower.errors.some((error) => error.endsWith('401')), 'refused', 40_000);
  assert.equal(follower.summary, 'a:m1 b:m1');
  await k8s.cluster.do('token', 'short', '-ttl', '1h');
  const began = performance.now();
  await k8s.cluster.do('rm', 'a', '-force');
  await follower.shows('b:m1');
  assert.ok(performance.now() - began < 6000);
});

test('a token rotated in time is never refused', async () => {
  const root = await k8s.cluster.serviceAccount('rotating', 'pod-ip');
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow({ root, limits: SHORT, config: { resync: 300 } });
  await follower.shows('a:m1');
  for (let i = 0; i < 5; i++) {
    await k8s.cluster.do('token', 'rotating', '-ttl', '1h');
    const before = follower.lists.length;
    await follower.until(() => follower.lists.length > before, 'listed again');
  }
  assert.deepEqual(follower.errors, []);
});

test('a service account folder that is gone for a while ends nothing', async () => {
  const root = await k8s.cluster.serviceAccount('folderless', 'pod-ip');
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow({ root, limits: SHORT, config: { resync: 300 } });
  await follower.shows('a:m1');
  const folder = join(root, 'var/run/secrets');
  await rename(folder, `${folder}.away`);
  const before = follower.lists.length;
  await follower.until(() => follower.lists.length > before + 2, 'listed with what was known');
  await rename(`${folder}.away`, folder);
  assert.deepEqual(follower.errors, []);
});

test('a service account folder that is not there yet is waited for', async () => {
  const root = await k8s.cluster.serviceAccount('early', 'pod-ip');
  const folder = join(root, 'var/run/secrets');
  await rename(folder, `${folder}.away`);
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow({ root });
  await follower.until(() => follower.errors.includes('list pods credentials'), 'missed');
  assert.match(follower.source.status().troubles.join(), /service account: ENOENT/);
  await rename(`${folder}.away`, folder);
  await follower.shows('a:m1');
});
