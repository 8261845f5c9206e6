import assert from 'node:assert/strict';
import { test } from 'node:test';
import { useCluster } from './harness.ts';
import { StallProxy } from './stall-proxy.ts';

const k8s = useCluster('pod-ip');

test('an API server that is killed and comes back changes nothing but what changed', async () => {
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  const follower = await k8s.follow();
  await follower.shows('a:m1 b:m1');
  const { publications } = follower;
  await k8s.cluster.do('kill', 'apiserver');
  await follower.until(() => follower.errors.includes('list pods connect'), 'the loss noticed');
  assert.equal(follower.publications, publications);
  await k8s.cluster.do('up', 'apiserver');
  const began = performance.now();
  await k8s.cluster.do('rm', 'b', '-force');
  await follower.shows('a:m1');
  const ms = performance.now() - began;
  assert.ok(ms < 6000, `discovery was back after ${ms} ms`);
  assert.equal(a.asked.length, 1);
});

test('an API server told to end refuses everything new while its watch lives on', async () => {
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  const follower = await k8s.follow();
  await follower.shows('a:m1 b:m1');
  await k8s.cluster.terminate('apiserver');
  await k8s.cluster.refuses();
  assert.deepEqual(follower.errors, []);
  await k8s.cluster.do('kill', 'apiserver', 'KILL');
  await k8s.cluster.do('up', 'apiserver');
  await k8s.cluster.do('rm', 'a', '-force');
  await follower.shows('b:m1');
});

test('etcd away: lists are answered, the router starts, and goes on when it is back', async () => {
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  const early = await k8s.follow();
  await early.shows('a:m1 b:m1');
  await k8s.cluster.do('kill', 'etcd');
  const began = performance.now();
  const late = await k8s.follow();
  await late.shows('a:m1 b:m1');
  const ms = performance.now() - began;
  assert.ok(ms < 3000, `${ms} ms`);
  assert.equal(late.source.synced, true);
  await k8s.cluster.do('up', 'etcd');
  await k8s.cluster.do('rm', 'a', '-force');
  await Promise.all([early.shows('b:m1'), late.shows('b:m1')]);
});

test('an API server that hangs changes nothing, and is followed again when it goes on', async () => {
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  // 90 and 5 s otherwise: the rule is the same.
  const follower = await k8s.follow({ limits: { watchIdle: 2000, connect: 500, list: 1500 } });
  await follower.shows('a:m1 b:m1');
  await k8s.cluster.do('kill', 'apiserver', 'STOP');
  await follower.until(() => follower.errors.filter((error) => error.startsWith('list pods')).length >= 2, 'tried');
  assert.equal(follower.summary, 'a:m1 b:m1');
  await k8s.cluster.do('kill', 'apiserver', 'CONT');
  await k8s.cluster.do('rm', 'a', '-force');
  await follower.shows('b:m1');
});

test('a watch that a proxy forgets is noticed by its silence', async () => {
  const proxy = await StallProxy.start(k8s.cluster.port);
  k8s.cleanup(() => proxy.stop());
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  const follower = await k8s.follow({ port: proxy.port, limits: { watchIdle: 2000 } });
  await follower.shows('a:m1 b:m1');
  proxy.stallOpen();
  await k8s.cluster.do('rm', 'a', '-force');
  await follower.shows('b:m1');
  assert.ok(follower.lists.includes('pods watch_error'));
});

test('a cluster behind a proxy that swallows everything keeps its backends', async () => {
  const proxy = await StallProxy.start(k8s.cluster.port);
  k8s.cleanup(() => proxy.stop());
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  const follower = await k8s.follow({ port: proxy.port, limits: { watchIdle: 1500, connect: 400, list: 1000 } });
  await follower.shows('a:m1 b:m1');
  proxy.stallAll(true);
  await follower.until(() => follower.errors.filter((error) => error.startsWith('list')).length >= 3, 'tried');
  assert.equal(follower.summary, 'a:m1 b:m1');
  proxy.stallAll(false);
  await k8s.cluster.do('rm', 'a', '-force');
  await follower.shows('b:m1');
});

test('kept for a while unquestioned, then only while they answer', async () => {
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  const follower = await k8s.follow({ config: { keepLastKnown: 1500, refresh: 200 } });
  await follower.shows('a:m1 b:m1');
  await k8s.cluster.do('kill', 'apiserver');
  await b.stop();
  await follower.shows('a:m1');
  assert.ok(follower.log.some(({ message }) => message.includes('the API is silent')));
  await k8s.cluster.do('up', 'apiserver');
  // The API still says that b is ready: its health is for others to judge.
  await follower.shows('a:m1 b:m1');
});

test('a restored etcd: what answers stays until it is replaced or its time is over', async () => {
  const [a, b, dead] = [await k8s.engine('m1'), await k8s.engine('m2'), await k8s.engine('m3')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  await k8s.pod('dead', dead);
  const follower = await k8s.follow({ limits: { emptyGrace: 8000 } });
  await follower.shows('a:m1 b:m2 dead:m3');
  const old = new Set(follower.specs.map((spec) => spec.id));
  await dead.stop();
  await k8s.cluster.do('wipe');
  await k8s.cluster.serviceAccount('router', 'pod-ip');
  await follower.until(
    () => follower.log.some(({ message }) => message.includes('lists no pods')),
    'the empty list',
    40_000,
  );
  await follower.shows('a:m1 b:m2');
  await k8s.pod('a', a);
  await follower.until(() => follower.specs.some((spec) => !old.has(spec.id)), 'the new a');
  await follower.shows('a:m1 b:m2');
  assert.deepEqual(follower.specs.map((spec) => `${spec.name} ${old.has(spec.id)}`).sort(), [
    'default/a false',
    'default/b true',
  ]);
  await follower.shows('a:m1');
});
