import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ListGuard } from '../../../src/discovery/kubernetes/list-guard.ts';

test.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
test.afterEach(() => mock.timers.reset());

function setUp() {
  const calls: string[] = [];
  const guard = new ListGuard<string>({
    grace: 1000,
    key: (one) => one,
    apply: (all) => calls.push(`[${all}]`),
    doubted: (doubted) => calls.push(doubted ? 'doubt' : 'belief'),
  });
  return { guard, take: () => calls.splice(0) };
}

test('an empty list is true at once when nothing was known', () => {
  const { guard, take } = setUp();
  guard.listed([]);
  guard.listed(['a']);
  guard.event('DELETED', 'a');
  guard.listed([]);
  assert.deepEqual(take(), ['[]', '[a]', '[]']);
});

test('an empty list after a fuller one is doubted, from the first of them on', () => {
  const { guard, take } = setUp();
  guard.listed(['a', 'b']);
  guard.listed([]);
  mock.timers.tick(900);
  guard.listed([]);
  assert.deepEqual(take(), ['[a,b]', 'doubt']);
  mock.timers.tick(100);
  assert.deepEqual(take(), ['[]', 'belief']);
  assert.equal(guard.inDoubt, false);
});

test('what comes during doubt outlives it', () => {
  const { guard, take } = setUp();
  guard.listed(['a']);
  guard.listed([]);
  guard.event('ADDED', 'b');
  guard.event('ADDED', 'c');
  guard.event('DELETED', 'c');
  take();
  mock.timers.tick(1000);
  assert.deepEqual(take(), ['[b]', 'belief']);
});

test('a fuller list ends the doubt', () => {
  const { guard, take } = setUp();
  guard.listed(['a']);
  guard.listed([]);
  guard.listed(['b']);
  assert.deepEqual(take(), ['[a]', 'doubt', '[b]', 'belief']);
  mock.timers.tick(5000);
  assert.deepEqual(take(), []);
});
