import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '../../src/backends/backend.ts';
import type { BackendSpec } from '../../src/backends/backend-spec.ts';
import type { UpstreamPool } from '../../src/backends/pool.ts';
import { BackendRegistry } from '../../src/backends/registry.ts';
import { Admission } from '../../src/pipeline/admit.ts';
import { Candidates } from '../../src/pipeline/candidates.ts';
import { choose } from '../../src/pipeline/choose.ts';
import { Leg } from '../../src/pipeline/leg.ts';
import type { Route } from '../../src/pipeline/route.ts';
import type { RoutedRequest } from '../../src/pipeline/routed-request.ts';

const BREAKER = { failures: 1, openFor: 1_000, maxOpenFor: 1_000, maxEjected: 0.5 };

function fleet(names: string[], maxEjected = 0.5) {
  const pool = { send: () => assert.fail(), close: () => {}, destroy: () => {}, open: 0 } as unknown as UpstreamPool;
  const registry = new BackendRegistry({ createPool: () => pool, now: () => 0 });
  const spec = (name: string): BackendSpec => ({
    id: name,
    engineId: name,
    name,
    url: `http://${name}`,
    source: 's',
    labels: { pool: name < 'c' ? 'early' : 'late' },
    weight: 1,
    models: [{ id: 'm' }],
    terminating: false,
    sleeping: false,
  });
  registry.publish('s', names.map(spec));
  const candidates = new Candidates(registry, { from: ['s'], where: {} }, maxEjected);
  const of = (name: string) => registry.get(name) as Backend;
  return { registry, candidates, of, spec };
}

const names = (backends: readonly Backend[]) => backends.map(({ id }) => id).join('');

test('the same set is the same array, so that algorithms can key what they keep by it', () => {
  const { candidates, of, registry, spec } = fleet(['a', 'b', 'c']);
  const all = candidates.available('m', [], 0);
  assert.equal(candidates.available('m', [], 0), all);
  of('b').breaker.trip(0, BREAKER);
  const without = candidates.available('m', [], 0);
  assert.equal(names(without), 'ac');
  assert.equal(candidates.available('m', [], 0), without);
  // A publication that changes nothing changes no array.
  registry.publish('s', ['a', 'b', 'c'].map(spec));
  assert.equal(candidates.available('m', [], 2_000), all);
});

test('breakers keep out no more than their share: those that opened last stay in', () => {
  const { candidates, of } = fleet(['a', 'b', 'c', 'd']);
  for (const [index, name] of ['c', 'a', 'd'].entries()) of(name).breaker.trip(index, BREAKER);
  assert.equal(names(candidates.available('m', [], 10)), 'bd');
  const strict = fleet(['a', 'b', 'c', 'd'], 0);
  strict.of('a').breaker.trip(0, BREAKER);
  strict.of('b').breaker.trip(1, BREAKER);
  assert.equal(names(strict.candidates.available('m', [], 10)), 'bcd', 'one may always be out');
});

test('backends that cannot be reached while others can stay out, whatever their share', () => {
  const { candidates, of } = fleet(['a', 'b', 'c', 'd']);
  for (const [index, name] of ['c', 'a', 'd'].entries()) of(name).breaker.trip(index, BREAKER, true);
  assert.equal(names(candidates.available('m', [], 10)), 'b');
  of('b').breaker.trip(3, BREAKER);
  assert.equal(names(candidates.available('m', [], 10)), 'b');
});

test('when breakers, checks and 429s have emptied the set it is used all the same, but never what cannot serve', () => {
  const { candidates, of, registry, spec } = fleet(['a', 'b', 'c']);
  of('a').breaker.trip(0, BREAKER);
  of('b').setHealthy(false, 0);
  of('c').coolUntil = 100;
  assert.equal(names(candidates.available('m', [], 10)), 'abc');
  assert.equal(names(candidates.available('m', [of('c')], 10)), 'ab');
  assert.equal(names(candidates.available('m', [], 10, false)), '');
  registry.publish('s', [spec('a'), { ...spec('b'), terminating: true }, { ...spec('c'), sleeping: true }]);
  assert.equal(names(candidates.available('m', [], 10)), 'a');
});

function chooser(random: number) {
  return { admission: new Admission(), now: () => time, random: () => random };
}
let time = 0;

function route(candidates: Candidates, limit = 0): Route {
  const algorithm = { pick: (among: readonly Backend[]) => among[0] };
  return {
    name: 'r',
    candidates,
    algorithm,
    config: { limits: { inflightPerBackend: limit, queue: 2, queueTimeout: 1_000 } },
  } as unknown as Route;
}

const leg = () => new Leg(true, Buffer.alloc(0));
const request = () => ({ model: 'm', firstCandidates: undefined, pinned: undefined }) as unknown as RoutedRequest;

test('fault 24: one that was out gets a growing share', () => {
  const { candidates, of } = fleet(['a', 'b']);
  time = 0;
  of('a').setHealthy(false, 0);
  of('a').setHealthy(true, 0);
  const picks = (at: number, random: number) => {
    time = at;
    const chosen = choose(request(), route(candidates), leg(), true, chooser(random));
    return typeof chosen === 'object' ? chosen.id : chosen;
  };
  assert.equal(picks(0, 0.09), 'a');
  assert.equal(picks(0, 0.11), 'b');
  assert.equal(picks(5_000, 0.54), 'a');
  assert.equal(picks(5_000, 0.56), 'b');
  assert.equal(picks(10_000, 0.99), 'a');
});

test('fault 24: when all come back at once nobody is left out for it', () => {
  const { candidates, of } = fleet(['a']);
  of('a').setHealthy(false, 0);
  of('a').setHealthy(true, 0);
  time = 0;
  const chosen = choose(request(), route(candidates), leg(), true, chooser(0.99));
  assert.ok(typeof chosen === 'object' && chosen.id === 'a');
});

test('fault 25: a backend at its limit is passed over; with all of them at it the answer is full', () => {
  const { candidates, of } = fleet(['a', 'b']);
  time = 20_000;
  const deps = chooser(0);
  of('a').load.dispatched();
  const first = choose(request(), route(candidates, 1), leg(), true, deps);
  assert.ok(typeof first === 'object' && first.id === 'b');
  of('b').load.dispatched();
  assert.equal(choose(request(), route(candidates, 1), leg(), true, deps), 'full');
  assert.notEqual(choose(request(), route(candidates, 2), leg(), true, deps), 'full');
});
