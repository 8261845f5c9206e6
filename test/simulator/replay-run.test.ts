import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Algorithm, AlgorithmEvent, Candidate } from '../../src/algorithms/algorithm.ts';
import { CONTENDERS, configured, contender } from '../../src/simulator/replay/contenders.ts';
import { DEFAULT_FLEET, findKnee, runOnce, runSeeds } from '../../src/simulator/replay/experiment.ts';
import { replay } from '../../src/simulator/replay/replay.ts';
import { quantiles, summarize } from '../../src/simulator/replay/summary.ts';
import { WORKLOADS } from '../../src/simulator/replay/workloads.ts';

const workload = (name: string) => WORKLOADS.find((known) => known.name === name)!;
const load = (name: string, rate: number, requests: number) => ({ workload: workload(name), rate, requests });

test('every contender ends every request, and a seed replays to the millisecond', () => {
  for (const name of CONTENDERS) {
    const run = () => runOnce(DEFAULT_FLEET, load('zipf', 20, 600), contender(name)!, 7);
    const first = run();
    assert.equal(first.outcomes.filter(({ ttft, endToEnd }) => ttft > 0 && endToEnd >= ttft).length, 600, name);
    assert.equal(
      first.engines.reduce((sum, { requests }) => sum + requests, 0),
      600,
    );
    assert.deepEqual(run(), first, name);
  }
});

/** Round-robin that writes down what it is told and what it sees. */
class Recorder implements Algorithm {
  readonly events: AlgorithmEvent[] = [];
  readonly loads: { inflight: number; uncachedTokens: number; running: number | undefined }[] = [];
  #next = 0;
  pick(candidates: readonly Candidate[]): Candidate {
    const candidate = candidates[this.#next++ % candidates.length]!;
    const { inflight, uncachedTokens, engine } = candidate.load;
    this.loads.push({ inflight, uncachedTokens, running: engine?.running });
    return candidate;
  }
  uncachedTokens(): number {
    return 100;
  }
  observe(event: AlgorithmEvent): void {
    this.events.push(event);
  }
}

function record(options: Partial<Parameters<typeof replay>[2]> = {}, requests = 50): Recorder {
  const recorder = new Recorder();
  const { blockTokens } = workload('shared-prefixes');
  const fleet = { ...DEFAULT_FLEET, engines: 2, blockTokens, ...options };
  replay(workload('shared-prefixes').arrivals(1, 2, requests), () => recorder, fleet);
  return recorder;
}

test('events come as the router sends them: dispatched, first byte, usage, finished', () => {
  const { events } = record();
  const byRequest = new Map<unknown, string[]>();
  for (const event of events) {
    if (event.type === 'removed') continue;
    byRequest.set(event.request, [...(byRequest.get(event.request) ?? []), event.type]);
  }
  assert.equal(byRequest.size, 50);
  for (const types of byRequest.values()) {
    assert.deepEqual(types, ['dispatched', 'first-byte', 'usage', 'finished']);
  }
});

test('without usage nobody hears of tokens; scrapes tell the KV size only where asked for', () => {
  assert.ok(!record({ usage: false }).events.some(({ type }) => type === 'usage'));
  assert.equal(record({ scrapeInterval: 0 }).loads.at(-1)!.running, undefined);
  assert.notEqual(record({ scrapeInterval: 100 }).loads.at(-1)!.running, undefined);
});

test('the load table: what is in flight and what awaits its first byte, back to nothing at the end', () => {
  const { loads } = record({}, 200);
  assert.ok(loads.every(({ inflight, uncachedTokens }) => uncachedTokens <= 100 * inflight && uncachedTokens >= 0));
  assert.ok(loads.some(({ uncachedTokens }) => uncachedTokens > 0));
  const late = record({ streamed: false }, 200).loads;
  assert.ok(late.every(({ inflight, uncachedTokens }) => uncachedTokens === 100 * inflight));
});

test('an engine that dies hands its requests to the others; one that comes is used', () => {
  const changes = [
    { at: 5000, type: 'remove' as const },
    { at: 15_000, type: 'add' as const },
  ];
  const at = { ...load('shared-prefixes', 30, 750), changes };
  const result = runOnce({ ...DEFAULT_FLEET, engines: 3 }, at, contender('prefix-aware')!, 1);
  assert.equal(result.outcomes.filter(({ endToEnd }) => endToEnd > 0).length, 750);
  assert.equal(result.engines.length, 4);
  assert.ok(result.engines[3]!.requests > 50);
  assert.ok(result.outcomes.every(({ engine, at: began }) => engine !== 2 || began < 5000));
});

test('a request that no engine has room for fails, and counts against success', () => {
  const model = { ...DEFAULT_FLEET.model, cacheTokens: 5000 };
  const summary = runSeeds({ ...DEFAULT_FLEET, model }, load('shared-prefixes', 20, 20), contender('least-load')!, [1]);
  assert.equal(summary.success, 0);
  assert.equal(summary.throughput, 0);
});

test('figures of a run', () => {
  const outcome = (ttft: number, endToEnd: number, engine: number) => ({
    at: 0,
    ttft,
    endToEnd,
    promptTokens: 100,
    cachedTokens: 25,
    engine,
  });
  const engine = { requests: 2, computedTokens: 0, cachedTokens: 0, busy: 0 };
  const result = {
    outcomes: [
      outcome(10, 100, 0),
      outcome(20, 200, 0),
      outcome(130_000, 150_000, 1),
      outcome(Number.NaN, Number.NaN, -1),
    ],
    engines: [engine, engine],
    span: 1000,
  };
  const { ttft, hitRate, success, throughput, skew } = summarize(result);
  assert.deepEqual([ttft.p50, ttft.p90, hitRate, success, throughput], [20, 130_000, 0.25, 0.5, 3]);
  assert.ok(Math.abs(skew - (150_000 / 150_300) * 2) < 1e-9);
  assert.ok(Number.isNaN(quantiles(new Float64Array()).p50));
});

test('the knee is found to within 2 %, and its bounds are said', () => {
  const ttft = (rate: number) => (rate < 37 ? 10 : 5000);
  const knee = findKnee(ttft, 1000, 1, 100);
  assert.ok(knee < 37 && knee > 36.2, `${knee}`);
  assert.equal(findKnee(ttft, 1000, 40, 100), 0);
  assert.equal(findKnee(ttft, 1000, 1, 30), 30);
});

test('configured algorithms find their session where simulated requests carry it', () => {
  const roundRobin = { type: 'round-robin' } as const;
  const sticky = configured('s', { type: 'session', header: 'x-user', bounded: 0, otherwise: roundRobin });
  const { outcomes } = runOnce(DEFAULT_FLEET, load('shared-prefixes', 20, 2000), sticky, 1);
  const homes = new Map<string, Set<number>>();
  for (const [index, { session }] of workload('shared-prefixes').arrivals(1, 20, 2000).entries()) {
    homes.set(session, (homes.get(session) ?? new Set()).add(outcomes[index]!.engine));
  }
  for (const engines of homes.values()) assert.equal(engines.size, 1);
});

test('what cannot be simulated is said', () => {
  const roundRobin = { type: 'round-robin' } as const;
  const role = { where: {}, algorithm: roundRobin };
  assert.throws(
    () => configured('d', { type: 'disaggregated-prefill', form: 'max-tokens', prefill: role, decode: role }),
    /disaggregated-prefill cannot be simulated/,
  );
  assert.equal(contender('nobody'), undefined);
});
