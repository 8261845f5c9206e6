import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Algorithm, AlgorithmEvent, Candidate, PickRequest } from '../../src/algorithms/algorithm.ts';
import { RoundRobin } from '../../src/algorithms/round-robin.ts';
import { Session } from '../../src/algorithms/session.ts';
import type { SessionConfig } from '../../src/config/config.ts';
import { fleet, request, tally } from './fleet.ts';

function session(config: Partial<SessionConfig> = { header: 'X-Session' }, otherwise: Algorithm = new RoundRobin()) {
  return new Session({ type: 'session', bounded: 0, otherwise: { type: 'round-robin' }, ...config }, otherwise);
}

function of(key: string): PickRequest {
  return request({ headers: { 'x-session': key } });
}

const keys = Array.from({ length: 200 }, (_, index) => `user-${index}`);

test('the key is read from the header, the cookie, the body field, or header else body field', () => {
  const candidates = fleet(1, 1, 1, 1, 1);
  const expected = session().pick(candidates, of('user-7'));
  const field = (name: string) => request({ bodyFields: { [name]: 'user-7' } });
  const header = (name: string, value: string) => request({ headers: { [name]: value } });
  for (const [config, asked] of [
    [{ header: 'x-SESSION' }, of('user-7')],
    [{ cookie: 'sid' }, header('cookie', 'a=b; xsid=1; sid=user-7; sid2=3')],
    [{ cookie: 'sid' }, header('cookie', 'sid="user-7"')],
    [{ bodyField: 'user' }, field('user')],
    [{ key: 'User' }, field('User')],
    [{ key: 'User' }, request({ headers: { user: 'user-7' }, bodyFields: { User: 'other' } })],
  ] as const) {
    assert.equal(session(config).pick(candidates, asked), expected, JSON.stringify(config));
  }
});

test('without a key, or with an empty one, `otherwise` decides', () => {
  const candidates = fleet(1, 1, 1);
  for (const asked of [request(), of(''), request({ headers: { cookie: 'x-session=1' } })]) {
    const algorithm = session();
    const picks = Array.from({ length: 3 }, () => algorithm.pick(candidates, asked)!.id);
    assert.deepEqual(picks, ['b0000', 'b0001', 'b0002']);
  }
});

test('keys leave a backend that is away for the next on the ring, and come home when it is back', () => {
  const algorithm = session();
  const candidates = fleet(1, 1, 1, 1);
  const home = new Map(keys.map((key) => [key, algorithm.pick(candidates, of(key))!]));
  const away = candidates[2]!;
  const rest = candidates.filter((one) => one !== away);
  for (const key of keys) {
    const now = algorithm.pick(rest, of(key))!;
    if (home.get(key) === away) assert.notEqual(now, away);
    else assert.equal(now, home.get(key));
  }
  for (const key of keys) assert.equal(algorithm.pick(candidates, of(key)), home.get(key));
});

test('a retry gets the next distinct one of the ring, never a tried one', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.string({ minLength: 1 }), (size, key) => {
      const algorithm = session();
      const candidates = fleet(...Array(size).fill(1));
      const tried = new Set<Candidate>();
      while (tried.size < size) {
        const left = candidates.filter((one) => !tried.has(one));
        const picked = algorithm.pick(left, of(key), candidates)!;
        assert.ok(left.includes(picked as never));
        tried.add(picked);
      }
    }),
  );
});

test('a removed backend leaves the ring, a changed weight changes its share, a moved URL its points', () => {
  const algorithm = session();
  const candidates = fleet(1, 1);
  const share = (among: readonly Candidate[]) =>
    tally(keys.map((key) => algorithm.pick(among, of(key))!)).get('b0000') ?? 0;
  const even = share(candidates);
  const heavier = [{ ...candidates[0]!, weight: 9 }, candidates[1]!];
  assert.ok(share(heavier) > even * 1.4);
  algorithm.observe({ type: 'removed', id: 'b0001' });
  assert.equal(share([candidates[0]!]), keys.length);
  assert.equal(share(candidates), even);
  const moved = [{ ...candidates[0]!, url: 'http://elsewhere:1' }, candidates[1]!];
  assert.notEqual(share(moved), even);
});

test('two routes of a fleet see one ring each, and candidates of another model only filter it', () => {
  const algorithm = session();
  const all = fleet(1, 1, 1, 1, 1, 1);
  const few = all.slice(0, 2);
  const alone = session();
  for (const key of keys) {
    algorithm.pick(all, of(key));
    assert.equal(algorithm.pick(few, of(key)), alone.pick(few, of(key)));
  }
});

test('bounded loads: a backend over its share is passed over for the next on the ring, not for the least loaded', () => {
  const algorithm = session({ header: 'x-session', bounded: 1.25 });
  const candidates = fleet(1, 1, 1, 1);
  const plain = session();
  const key = keys[0]!;
  const home = candidates.indexOf(plain.pick(candidates, of(key)) as never);
  const next = plain.pick(
    candidates.filter((_, index) => index !== home),
    of(key),
  );
  for (const one of candidates) one.load.inflight = 10;
  assert.equal(algorithm.pick(candidates, of(key)), candidates[home]);
  candidates[home]!.load.inflight = 20;
  assert.equal(algorithm.pick(candidates, of(key)), next);
  for (const one of candidates) one.load.inflight = 0;
  candidates[home]!.load.inflight = 3;
  assert.equal(algorithm.pick(candidates, of(key)), candidates[home], 'a bound on three requests means nothing');
});

test('bounded loads: no backend goes beyond its bound while others are under theirs', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 8 }),
      fc.nat(20),
      (weights, hot) => {
        const algorithm = session({ header: 'x-session', bounded: 1.25 });
        const candidates = fleet(...weights);
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        // Most of the traffic is one session.
        for (let turn = 0; turn < 400; turn++) {
          const picked = algorithm.pick(candidates, of(turn % 4 === 0 ? `cold-${turn}` : `hot-${hot}`));
          (picked as (typeof candidates)[number]).load.inflight++;
        }
        for (const { weight, load } of candidates) {
          assert.ok(load.inflight <= Math.ceil((1.25 * 400 * weight) / total) + 5 * weight, `${load.inflight}`);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('`otherwise` hears only of what it placed, and of removals', () => {
  const heard: AlgorithmEvent[] = [];
  const inner: Algorithm = {
    pick: (candidates) => candidates[0],
    observe: (event) => heard.push(event),
    uncachedTokens: () => 7,
  };
  const algorithm = session({ header: 'x-session' }, inner);
  const [one] = fleet(1);
  const keyless = request();
  algorithm.observe({ type: 'dispatched', request: of('k'), candidate: one! });
  algorithm.observe({ type: 'dispatched', request: keyless, candidate: one! });
  algorithm.observe({ type: 'removed', id: 'b0000' });
  assert.deepEqual(
    heard.map(({ type }) => type),
    ['dispatched', 'removed'],
  );
  assert.equal(algorithm.uncachedTokens(one!, of('k')), 7);
});
