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

function registry(drain = 1_000) {
  const retired: string[] = [];
  const closed: string[] = [];
  const made = new BackendRegistry({
    createPool: (url) =>
      ({ close: () => closed.push(url), destroy: () => closed.push(`${url} destroyed`) }) as unknown as UpstreamPool,
    now: () => 0,
    onRetired: ({ id }) => retired.push(id),
  });
  made.drain = drain;
  return { made, retired, closed };
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
