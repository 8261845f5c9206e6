import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { Backend } from '../../src/backends/backend.ts';
import type { BackendSpec } from '../../src/backends/backend-spec.ts';
import type { UpstreamPool } from '../../src/backends/pool.ts';
import { BackendRegistry } from '../../src/backends/registry.ts';

const POD: Partial<BackendSpec> = { id: 'uid-1' };

function spec(url: string, more: Partial<BackendSpec> = {}): BackendSpec {
  const rest = { labels: {}, weight: 1, models: [], terminating: false, sleeping: false };
  return { id: url, engineId: url, name: url, url, source: 'lab', ...rest, ...more };
}

function registry(drain = 1_000, capacity?: number) {
  const leftOut: [string, number][] = [];
  const retired: string[] = [];
  const closed: string[] = [];
  const made = new BackendRegistry({
    createPool: (url) =>
      ({ close: () => closed.push(url), destroy: () => closed.push(`${url} destroyed`) }) as unknown as UpstreamPool,
    now: () => 0,
    onRetired: ({ id }) => retired.push(id),
    onLeftOut: (source, count) => leftOut.push([source, count]),
    ...(capacity !== undefined && { capacity }),
  });
  made.drain = drain;
  const listed = () => made.backends.map(({ url }) => url.slice('http://'.length)).join('');
  return { made, retired, closed, leftOut, listed };
}

test('an address that comes back before the drain is over is the same object, with its breaker', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const { made, retired, closed } = registry();
  made.publish('lab', [spec('http://a'), spec('http://b')]);
  const a = made.get('http://a') as Backend;
  made.publish('lab', [spec('http://b')]);
  assert.deepEqual(
    made.backends.map(({ url }) => url),
    ['http://b'],
  );
  assert.equal(a.assignable, false);
  mock.timers.tick(999);
  made.publish('lab', [spec('http://a'), spec('http://b')]);
  assert.equal(made.get('http://a'), a);
  assert.equal(a.assignable, true);
  mock.timers.tick(10_000);
  assert.deepEqual([retired, closed], [[], []]);
});

test('after the drain it is forgotten', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const { made, retired, closed } = registry();
  made.publish('lab', [spec('http://a')]);
  const a = made.get('http://a');
  made.publish('lab', []);
  mock.timers.tick(1_000);
  assert.deepEqual([retired, made.get('http://a'), closed.at(-1)], [['http://a'], undefined, 'http://a']);
  made.publish('lab', [spec('http://a')]);
  assert.notEqual(made.get('http://a'), a);
});

test('requests that end during the drain do not end it; those that last longer are cut, and then it is forgotten', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const { made, retired } = registry();
  made.publish('lab', [spec('http://a')]);
  const a = made.get('http://a') as Backend;
  a.load.dispatched();
  made.publish('lab', []);
  a.load.finished();
  made.released(a);
  assert.deepEqual(retired, []);
  made.publish('lab', [spec('http://a')]);
  a.load.dispatched();
  made.publish('lab', []);
  const fail = mock.fn((_: string) => {
    a.load.finished();
    made.released(a);
  });
  a.attempts.add({ fail } as never);
  mock.timers.tick(1_000);
  assert.deepEqual(fail.mock.calls[0]!.arguments, ['moved']);
  assert.deepEqual(retired, ['http://a'], 'once');
});

test('a pod that is gone stays gone: forgotten as soon as nothing runs there', () => {
  const { made, retired } = registry();
  made.publish('lab', [spec('http://a', POD)]);
  const pod = made.get('uid-1') as Backend;
  made.publish('lab', []);
  assert.deepEqual(retired, ['uid-1']);
  assert.equal(pod.removed, true);
});

test('one whose identity goes to another address keeps its load until its last request has ended, and no longer than the drain', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const { made, retired, closed } = registry(1_000, 3);
  made.publish('lab', [spec('http://a:1', POD)]);
  const before = made.get('uid-1') as Backend;
  before.load.dispatched();
  made.publish('lab', [spec('http://a:2', POD)]);
  const after = made.get('uid-1') as Backend;
  assert.deepEqual([after.url, retired, closed], ['http://a:2', ['uid-1'], []]);
  before.load.finished();
  made.released(before);
  assert.deepEqual([before.load.inflight, after.load.inflight, closed], [0, 0, ['http://a:1']]);

  after.load.dispatched();
  const fail = t.mock.fn(() => {
    after.load.finished();
    made.released(after);
  });
  after.attempts.add({ fail } as unknown as Parameters<Backend['attempts']['add']>[0]);
  made.publish('lab', [spec('http://a:3', POD)]);
  mock.timers.tick(1_000);
  assert.equal(fail.mock.callCount(), 1);
  assert.deepEqual([after.load.inflight, made.get('uid-1')!.load.inflight], [0, 0]);
  made.publish(
    'lab',
    ['http://b', 'http://c', 'http://a:3'].map((url) => spec(url, url === 'http://a:3' ? POD : {})),
  );
  assert.equal(made.backends.length, 3, 'their places are free again');
});

test('names of models are remembered when nobody serves them any more, the last 10,000', () => {
  const { made } = registry();
  const serving = (id: string) => [spec('http://a', { models: [{ id: 'always' }, { id }] })];
  for (let adapter = 0; adapter < 12_000; adapter++) made.publish('lab', serving(`adapter-${adapter}`));
  made.publish('lab', []);
  const seen = ['always', 'adapter-11999', 'adapter-2001', 'adapter-2000', 'adapter-0'];
  assert.deepEqual(
    seen.map((model) => made.hasSeenModel(model)),
    [true, true, true, false, false],
  );
});

test('the list of backends is the same array until the set changes', () => {
  const { made } = registry();
  made.publish('lab', [spec('http://b'), spec('http://a')]);
  const { backends } = made;
  assert.equal(made.backends, backends);
  made.publish('lab', [spec('http://a')]);
  assert.deepEqual(
    made.backends.map(({ url }) => url),
    ['http://a'],
  );
  made.publish('lab', [spec('http://a'), spec('http://b')]);
  assert.deepEqual(made.backends, backends);
});

const specs = (names: string) => [...names].map((name) => spec(`http://${name}`));

test('a set that has no room beside the one it follows takes the places of the idle ones, in whatever order', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const { made, retired, leftOut, listed } = registry(1_000, 4);
  for (const set of ['abc', 'def', 'agh', 'ijkl', 'a']) {
    made.publish('lab', specs(set));
    assert.equal(listed(), set);
  }
  assert.deepEqual(leftOut, []);
  assert.ok(retired.length >= 8, `${retired}`);
  mock.timers.tick(1_000);
  assert.deepEqual(
    [...made.all()].map(({ id }) => id),
    ['http://a'],
  );
});

test('one that comes back from its drain is kept before others get its place', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const { made, listed } = registry(1_000, 3);
  made.publish('lab', specs('ab'));
  const a = made.get('http://a');
  made.publish('lab', specs('b'));
  made.publish('lab', specs('cda'));
  assert.equal(listed(), 'acd');
  assert.equal(made.get('http://a'), a);
});

test('what there is no room for is left out and told, and taken in when a request on a removed one has ended', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const { made, leftOut, listed } = registry(1_000, 3);
  made.publish('lab', specs('abc'));
  const [a, b] = [made.get('http://a') as Backend, made.get('http://b') as Backend];
  a.load.dispatched();
  b.load.dispatched();
  made.publish('lab', specs('def'));
  assert.equal(listed(), 'd');
  assert.deepEqual([leftOut, made.leftOut('lab')], [[['lab', 2]], 2]);
  made.publish('lab', specs('def'));
  assert.deepEqual([listed(), leftOut.length], ['d', 1]);
  const { generation } = made;
  a.load.finished();
  made.released(a);
  assert.equal(listed(), 'de');
  assert.ok(made.generation > generation, 'caches of candidates see it');
  b.attempts.add({
    fail: () => {
      b.load.finished();
      made.released(b);
    },
  } as never);
  mock.timers.tick(1_000);
  assert.equal(listed(), 'def');
  assert.deepEqual(leftOut, [
    ['lab', 2],
    ['lab', 0],
  ]);
});

test('sources share the room; what one no longer lists is not taken in later', () => {
  const { made, leftOut, listed } = registry(1_000, 3);
  made.publish('lab', specs('ab'));
  const pods = ['c', 'd', 'e'].map((name) => spec(`http://${name}`, { id: `uid-${name}`, source: 'k8s' }));
  made.publish('k8s', pods);
  assert.deepEqual([listed(), leftOut], ['abc', [['k8s', 2]]]);
  made.publish('k8s', [pods[0]!, pods[2]!]);
  made.publish('lab', specs('a'));
  assert.equal(listed(), 'ace');
  made.publish('k8s', [...pods, ...pods]);
  made.removeSource('k8s');
  assert.deepEqual([listed(), made.leftOut('k8s')], ['a', 0]);
  assert.deepEqual(leftOut.at(-1), ['k8s', 0]);
});
