import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Publisher } from '../../../src/discovery/kubernetes/publisher.ts';

test.beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] }));
test.afterEach(() => mock.timers.reset());

function setUp() {
  let published = 0;
  const publisher = new Publisher(() => published++);
  return { publisher, count: () => published };
}

test('the first change of a calm moment is published at once, with all that came with it', () => {
  const { publisher, count } = setUp();
  publisher.touch('soon');
  publisher.touch('now');
  mock.timers.tick(0);
  assert.equal(count(), 1);
  mock.timers.tick(1000);
  assert.equal(count(), 1);
});

test('a second of continuous change is a handful of publications, and the last change is in the last', () => {
  const { publisher, count } = setUp();
  for (let ms = 0; ms < 1000; ms++) {
    publisher.touch('soon');
    mock.timers.tick(1);
  }
  assert.ok(count() <= 8, `${count()}`);
  const before = count();
  mock.timers.tick(250);
  assert.equal(count(), before + 1);
  mock.timers.tick(1000);
  assert.equal(count(), before + 1);
});

test('what must stop getting requests waits 20 ms at most', () => {
  const { publisher, count } = setUp();
  for (let ms = 0; ms < 700; ms++) {
    publisher.touch('soon');
    mock.timers.tick(1);
  }
  const before = count();
  publisher.touch('now');
  publisher.touch('soon');
  mock.timers.tick(20);
  assert.ok(count() > before);
});

test('nothing is published after stop', () => {
  const { publisher, count } = setUp();
  publisher.touch('now');
  publisher.stop();
  publisher.touch('now');
  mock.timers.tick(1000);
  assert.equal(count(), 0);
});
