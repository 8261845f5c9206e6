import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { useCluster } from './harness.ts';

// The server ends watches after 3 to 6 s instead of 30 to 60 min, as some proxies do.
const k8s = useCluster('pod-ip', ['--min-request-timeout=3']);

test('watches that are ended again and again leave no blind gap', async () => {
  const [a, b] = [await k8s.engine('m1'), await k8s.engine('m1')];
  await k8s.pod('a', a);
  await k8s.pod('b', b);
  const follower = await k8s.follow();
  await follower.shows('a:m1 b:m1');
  let slowest = 0;
  for (let i = 0; i < 4; i++) {
    // Quiet for longer than a watch lives: the client's own informer is blind for up to 30 s by then.
    await sleep(7000);
    const ready = i % 2 === 1;
    await k8s.cluster.do('ready', 'b', String(ready));
    const began = performance.now();
    await follower.shows(ready ? 'a:m1 b:m1' : 'a:m1');
    slowest = Math.max(slowest, performance.now() - began);
  }
  assert.ok(slowest < 1000, `${slowest} ms`);
  assert.deepEqual(follower.errors, []);
  assert.deepEqual(follower.lists, ['pods start']);
});

test('the first event after 30 quiet seconds is as fast as any', async () => {
  const a = await k8s.engine('m1');
  await k8s.pod('a', a);
  const follower = await k8s.follow();
  await follower.shows('a:m1');
  await sleep(30_500);
  await k8s.cluster.do('rm', 'a', '-force');
  const began = performance.now();
  await follower.shows('');
  assert.ok(performance.now() - began < 200);
});
