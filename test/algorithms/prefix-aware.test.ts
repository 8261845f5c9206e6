import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Algorithm, Candidate, PickRequest } from '../../src/algorithms/algorithm.ts';
import { createAlgorithm } from '../../src/algorithms/table.ts';
import { type FakeCandidate, fleet, request, seeded, tally } from './fleet.ts';

const CONFIG = { type: 'prefix-aware', indexSize: 1 << 20, otherwise: { type: 'round-robin' } } as const;

function prefixAware(shared = new Map<string, unknown>()): Algorithm {
  return createAlgorithm(CONFIG, { random: seeded(1), now: () => 0, shared });
}

/** A request with this prompt in a body like a client's. */
function ask(text: string, model = 'm'): PickRequest {
  const head = `{"model":"${model}","messages":`;
  const messages = JSON.stringify([{ role: 'user', content: text }]);
  const body = Buffer.from(`${head}${messages}}`);
  return request({ model, body, promptRange: () => [head.length, head.length + Buffer.byteLength(messages)] });
}

/** Some text that no other seed shares. */
function text(seed: string, bytes: number): string {
  return `${seed} `.repeat(Math.ceil(bytes / (seed.length + 1))).slice(0, bytes);
}

/** Places it and starts it, as an attempt does. */
function dispatch(algorithm: Algorithm, candidates: readonly FakeCandidate[], asked: PickRequest): FakeCandidate {
  const candidate = algorithm.pick(candidates, asked) as FakeCandidate;
  const tokens = algorithm.uncachedTokens!(candidate, asked);
  candidate.load.inflight++;
  candidate.load.processed++;
  candidate.load.uncachedTokens += tokens;
  algorithm.observe!({ type: 'dispatched', request: asked, candidate });
  return candidate;
}

function finish(algorithm: Algorithm, candidate: FakeCandidate, asked: PickRequest, cachedTokens?: number): void {
  candidate.load.uncachedTokens = 0;
  candidate.load.inflight--;
  algorithm.observe!({ type: 'first-byte', request: asked, candidate });
  const promptTokens = Math.round((asked.promptRange()![1] - asked.promptRange()![0]) / 4);
  algorithm.observe!({ type: 'usage', request: asked, candidate, promptTokens, cachedTokens });
  algorithm.observe!({ type: 'finished', request: asked, candidate, ok: true, beforeFirstByte: false });
}

function fail(algorithm: Algorithm, candidate: FakeCandidate, asked: PickRequest): void {
  candidate.load.uncachedTokens = 0;
  candidate.load.inflight--;
  algorithm.observe!({ type: 'finished', request: asked, candidate, ok: false, beforeFirstByte: true });
}

/** One request after the other, each done before the next. */
function visit(algorithm: Algorithm, candidates: readonly FakeCandidate[], asked: PickRequest): Candidate {
  const candidate = dispatch(algorithm, candidates, asked);
  finish(algorithm, candidate, asked);
  return candidate;
}

test('conversations stay where they began, each somewhere', () => {
  const algorithm = prefixAware();
  const candidates = fleet(1, 1, 1, 1);
  const homes = new Map<number, Candidate>();
  for (let turn = 1; turn <= 6; turn++) {
    for (let user = 0; user < 40; user++) {
      const candidate = visit(algorithm, candidates, ask(text(`user ${user}`, 3000 * turn)));
      const home = homes.get(user);
      if (home === undefined) homes.set(user, candidate);
      else assert.equal(candidate, home, `user ${user}, turn ${turn}`);
    }
  }
  assert.deepEqual([...tally(homes.values()).values()], [10, 10, 10, 10]);
});

test('32 chats with one system prompt do not all go to one backend', () => {
  const algorithm = prefixAware();
  const candidates = fleet(1, 1, 1, 1);
  const system = text('You are helpful.', 8000);
  const picks = Array.from({ length: 32 }, (_, chat) => dispatch(algorithm, candidates, ask(`${system}chat ${chat}`)));
  assert.deepEqual([...tally(picks).values()], [8, 8, 8, 8]);
});

test('tokens still to be computed: all at first, then what is new, and of an unknown request what `otherwise` says', () => {
  const algorithm = prefixAware();
  const candidates = fleet(1, 1);
  const first = ask(text('a', 20_000));
  const home = dispatch(algorithm, candidates, first);
  const whole = (first.promptRange()![1] - first.promptRange()![0]) / 4;
  assert.equal(home.load.uncachedTokens, whole);
  finish(algorithm, home, first);
  const again = ask(text('a', 20_000));
  assert.equal(algorithm.pick(candidates, again), home);
  const left = algorithm.uncachedTokens!(home, again);
  assert.ok(left < whole / 8, `${left} of ${whole}`);
  assert.equal(algorithm.uncachedTokens!(home, request()), 0);
});

test('a prompt for another model or LoRA shares nothing', () => {
  const algorithm = prefixAware();
  const candidates = fleet(1, 1);
  const home = visit(algorithm, candidates, ask(text('a', 9000), 'base'));
  const [other] = candidates.filter((candidate) => candidate !== home);
  assert.equal(visit(algorithm, candidates, ask(text('a', 9000), 'lora')), other);
});

test('without a prompt `otherwise` decides', () => {
  const algorithm = prefixAware();
  const candidates = fleet(1, 1, 1);
  const picks = Array.from({ length: 6 }, () => algorithm.pick(candidates, request())!.id);
  assert.deepEqual(picks, ['b0000', 'b0001', 'b0002', 'b0000', 'b0001', 'b0002']);
});

test('a removed backend is forgotten', () => {
  const algorithm = prefixAware();
  const candidates = fleet(1, 1);
  const home = visit(algorithm, candidates, ask(text('a', 9000)));
  algorithm.observe!({ type: 'removed', id: home.id });
  const asked = ask(text('a', 9000));
  const picked = algorithm.pick(candidates, asked)!;
  assert.notEqual(picked, home, 'the other one had fewer requests');
});

test('what a failed attempt would have cached is not believed in; the retry goes elsewhere and makes its home there', () => {
  const algorithm = prefixAware();
  const candidates = fleet(1, 1, 1);
  const asked = ask(text('a', 9000));
  const first = dispatch(algorithm, candidates, asked);
  fail(algorithm, first, asked);
  const rest = candidates.filter((candidate) => candidate !== first);
  const second = algorithm.pick(rest, asked, candidates) as FakeCandidate;
  assert.ok(rest.includes(second));
  algorithm.observe!({ type: 'dispatched', request: asked, candidate: second });
  finish(algorithm, second, asked);
  assert.equal(visit(algorithm, candidates, ask(text('a', 9000))), second);
});

test('an attempt that failed after its first byte leaves its prompt cached', () => {
  const algorithm = prefixAware();
  const candidates = fleet(1, 1);
  const asked = ask(text('a', 9000));
  const home = dispatch(algorithm, candidates, asked);
  algorithm.observe!({ type: 'first-byte', request: asked, candidate: home });
  home.load.inflight = 0;
  home.load.uncachedTokens = 0;
  algorithm.observe!({ type: 'finished', request: asked, candidate: home, ok: false, beforeFirstByte: false });
  assert.equal(visit(algorithm, candidates, ask(text('a', 9000))), home);
});

test('an engine that restarted is found out by its first answer: its other phantoms are gone too', () => {
  const algorithm = prefixAware();
  const candidates = fleet(1);
  const alone = candidates[0]!;
  const cost = (seed: string) => {
    const asked = ask(text(seed, 20_000));
    algorithm.pick(candidates, asked);
    return algorithm.uncachedTokens!(alone, asked);
  };
  for (const seed of ['a', 'b', 'c']) visit(algorithm, candidates, ask(text(seed, 20_000)));
  const known = ask(text('c', 20_000));
  dispatch(algorithm, candidates, known);
  finish(algorithm, alone, known, 4500);
  assert.ok(cost('a') < 1000 && cost('b') < 1000);
  // Everything is lost; the answer for c says so.
  const lost = ask(text('c', 20_000));
  dispatch(algorithm, candidates, lost);
  finish(algorithm, alone, lost, 0);
  assert.ok(cost('a') > 4000 && cost('b') > 4000);
  assert.ok(cost('c') < 1000, 'it has just been computed again');
});

test('routes share what they know of a backend, and a reload forgets nothing', () => {
  const shared = new Map<string, unknown>();
  const candidates = fleet(1, 1, 1);
  const home = visit(prefixAware(shared), candidates, ask(text('a', 9000)));
  assert.equal(prefixAware(shared).pick([...candidates], ask(text('a', 9000))), home);
  const other = prefixAware();
  assert.notEqual(other.pick(candidates, ask(text('a', 9000))), home);
});

test('two routes that pick in turns do not take each other’s look-ups for their own', () => {
  const shared = new Map<string, unknown>();
  const [one, other] = [prefixAware(shared), prefixAware(shared)];
  const candidates = fleet(1, 1);
  const a = ask(text('a', 9000));
  const b = ask(text('b', 9000));
  const homeOfA = one.pick(candidates, a) as FakeCandidate;
  homeOfA.load.inflight++;
  const homeOfB = other.pick(candidates, b) as FakeCandidate;
  one.observe!({ type: 'dispatched', request: a, candidate: homeOfA });
  other.observe!({ type: 'dispatched', request: b, candidate: homeOfB });
  assert.notEqual(homeOfA, homeOfB);
  homeOfA.load.inflight--;
  assert.equal(one.pick(candidates, ask(text('a', 9000))), homeOfA);
  assert.equal(one.pick(candidates, ask(text('b', 9000))), homeOfB);
});

test('a retry of an attempt that was never sent is harmless, and so are events of requests it never placed', () => {
  const algorithm = prefixAware();
  const candidates = fleet(1, 1);
  const asked = ask(text('a', 9000));
  const candidate = algorithm.pick(candidates, asked)!;
  algorithm.observe!({ type: 'finished', request: asked, candidate, ok: false, beforeFirstByte: true });
  const stranger = ask(text('b', 9000));
  for (const type of ['dispatched', 'first-byte'] as const) algorithm.observe!({ type, request: stranger, candidate });
  algorithm.observe!({ type: 'usage', request: stranger, candidate, promptTokens: 5, cachedTokens: 1 });
  assert.ok(algorithm.pick(candidates, stranger));
});
