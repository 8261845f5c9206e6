import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CircuitBreaker } from '../../src/backends/breaker.ts';

const CONFIG = { failures: 3, openFor: 1_000, maxOpenFor: 3_000, maxEjected: 1 };

function failing(breaker: CircuitBreaker, now: number, count = CONFIG.failures): void {
  for (let index = 0; index < count; index++) breaker.record('failure', now, CONFIG, { at: now, probe: false });
}

function probe(breaker: CircuitBreaker, now: number, outcome: 'success' | 'failure' | 'alive' | 'neutral'): void {
  const isProbe = breaker.dispatched(now);
  assert.ok(isProbe);
  breaker.record(outcome, now, CONFIG, { at: now, probe: isProbe });
}

test('opens after failures in a row; a success between them starts the count anew', () => {
  const breaker = new CircuitBreaker();
  failing(breaker, 0, 2);
  breaker.record('success', 0, CONFIG, { at: 0, probe: false });
  failing(breaker, 0, 2);
  assert.ok(breaker.admits(0));
  failing(breaker, 0, 1);
  assert.ok(!breaker.admits(999));
  assert.equal(breaker.state, 'open');
});

test('4xx and clients that leave neither open it nor start the count anew', () => {
  const breaker = new CircuitBreaker();
  failing(breaker, 0, 2);
  for (const outcome of ['alive', 'neutral'] as const) breaker.record(outcome, 0, CONFIG, { at: 0, probe: false });
  failing(breaker, 0, 1);
  assert.equal(breaker.state, 'open');
});

test('after its time exactly one request is let through; its success closes, its failure opens for twice as long', () => {
  const breaker = new CircuitBreaker();
  failing(breaker, 0);
  assert.ok(breaker.admits(1_000));
  assert.ok(breaker.dispatched(1_000));
  assert.equal(breaker.state, 'probing');
  assert.ok(!breaker.admits(1_000));
  assert.ok(!breaker.dispatched(1_000));
  breaker.record('failure', 1_000, CONFIG, { at: 1_000, probe: true });
  assert.ok(!breaker.admits(2_999));
  probe(breaker, 3_000, 'failure');
  // Twice as long again would be four seconds, but three are the most.
  assert.ok(!breaker.admits(5_999));
  probe(breaker, 6_000, 'success');
  assert.equal(breaker.state, 'closed');
  assert.equal(breaker.closedAt, 6_000);
  failing(breaker, 7_000);
  assert.ok(breaker.admits(8_000), 'the first time again');
});

test('a probe that a client leaves is tried again; one that is answered 4xx closes', () => {
  const breaker = new CircuitBreaker();
  failing(breaker, 0);
  probe(breaker, 1_000, 'neutral');
  assert.ok(breaker.admits(1_000));
  probe(breaker, 1_000, 'alive');
  assert.equal(breaker.state, 'closed');
});

test('what was under way when it opened says nothing new, and does not free the probe’s place', () => {
  const breaker = new CircuitBreaker();
  failing(breaker, 0);
  breaker.record('success', 500, CONFIG, { at: -100, probe: false });
  assert.equal(breaker.state, 'open');
  failing(breaker, 500);
  assert.ok(breaker.admits(1_000));
  assert.ok(breaker.dispatched(1_000));
  breaker.record('neutral', 1_001, CONFIG, { at: -100, probe: false });
  assert.ok(!breaker.admits(1_001));
});

test('a request that was sent although it was open closes it by its success', () => {
  const breaker = new CircuitBreaker();
  failing(breaker, 0);
  assert.ok(!breaker.dispatched(100));
  breaker.record('success', 200, CONFIG, { at: 100, probe: false });
  assert.equal(breaker.state, 'closed');
});

test('trip opens at once, and again when a probe got nowhere', () => {
  const breaker = new CircuitBreaker();
  breaker.trip(0, CONFIG);
  assert.ok(!breaker.admits(999));
  breaker.trip(500, CONFIG);
  assert.ok(breaker.admits(1_000));
  assert.ok(breaker.dispatched(1_000));
  breaker.trip(1_500, CONFIG);
  breaker.record('neutral', 1_500, CONFIG, { at: 1_000, probe: true });
  assert.ok(!breaker.admits(3_499));
  assert.ok(breaker.admits(3_500));
});

test('what cannot be reached is remembered as that until it closes, also if it was open already', () => {
  let changes = 0;
  const breaker = new CircuitBreaker(() => changes++);
  breaker.trip(0, CONFIG);
  const before = changes;
  breaker.trip(500, CONFIG, true);
  assert.deepEqual([breaker.unreachable, changes], [true, before + 1]);
  breaker.dispatched(1_000);
  breaker.record('failure', 1_500, CONFIG, { at: 1_000, probe: true });
  assert.ok(breaker.unreachable);
  breaker.dispatched(3_500);
  breaker.record('success', 3_600, CONFIG, { at: 3_500, probe: true });
  assert.ok(!breaker.unreachable);
});

test('what could not be reached is probed once it answers again; what failed is not', () => {
  const away = new CircuitBreaker();
  away.trip(0, CONFIG, true);
  away.reached(300);
  assert.deepEqual([away.admits(300), away.state, away.unreachable], [true, 'open', true]);
  assert.ok(away.dispatched(300));
  away.record('failure', 400, CONFIG, { at: 300, probe: true });
  assert.equal(away.opensAt, 1_400, 'as long as at first');
  const failed = new CircuitBreaker();
  failing(failed, 0);
  failed.reached(300);
  assert.ok(!failed.admits(300));
});

test('a probe that ends because its backend was given up meanwhile does not count twice', () => {
  const breaker = new CircuitBreaker();
  failing(breaker, 0);
  assert.ok(breaker.dispatched(1_000));
  breaker.trip(1_500, CONFIG);
  breaker.record('failure', 1_500, CONFIG, { at: 1_000, probe: true });
  assert.equal(breaker.opensAt, 3_500);
});
