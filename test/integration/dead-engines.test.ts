import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type SpawnedEngine, spawnEngine } from '../fakes/spawn-engine.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { eventually } from './fleet.ts';
import { arrivals, type Outcome, send } from './load.ts';

/** LOAD_MS lengthens the load, 20 s is the bar's. */
const LOAD = Number(process.env['LOAD_MS'] ?? 4_000);
const FLAGS = ['--model', 'm', '--decode-rate', '200'];

let engines: SpawnedEngine[];
let router: SpawnedRouter;

async function start(): Promise<void> {
  engines = await Promise.all([spawnEngine(FLAGS), spawnEngine(FLAGS)]);
  const backends = engines.map(({ url }) => ({ url, models: ['m'] }));
  const more = { logging: { format: 'json', access: false }, defaults: { algorithm: { type: 'round-robin' } } };
  router = await spawnRouter({ config: configFor(backends, more) });
}

async function stop(): Promise<void> {
  await router.stop('SIGKILL');
  await Promise.all(engines.map((engine) => engine.end()));
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const describeBad = (outcomes: readonly Outcome[]) =>
  outcomes
    .slice(0, 3)
    .map(({ status, took, body }) => `${status} after ${Math.round(took)} ms: ${body.slice(-200)}`)
    .join('\n');

describe('SIGKILL', () => {
  before(start);
  after(stop);

  test('fault 9: an engine that is killed loses the streams past their first byte, and nothing else', async () => {
    const streams = Array.from({ length: 50 }, () => send(router.url, 'm', { stream: true, max_tokens: LOAD * 0.08 }));
    const load = arrivals(100, LOAD / 2, () => send(router.url, 'm'));
    await later(LOAD / 4);
    const { requests } = await engines[0]!.state();
    assert.ok(requests.length > 0);
    await engines[0]!.end('SIGKILL');
    const plain = await load;
    const failed = plain.filter(({ status, clean }) => status !== 200 || !clean);
    assert.equal(failed.length, 0, describeBad(failed));
    const ended = await Promise.all(streams);
    // Half of the streams were there, give or take what round-robin put between them; each ends with an error event.
    const broken = ended.filter(({ clean }) => !clean);
    assert.ok(broken.length >= 15 && broken.length <= 35, `${broken.length} of 50`);
    for (const { body } of broken) assert.match(body, /"code":"stream_interrupted"\}\}\n\n$/);
  });
});

describe('SIGSTOP', () => {
  before(start);
  after(stop);

  test('fault 6: an engine that accepts and never answers: hardly a request waits for 3 s, and none for ever', async () => {
    await Promise.all([send(router.url, 'm'), send(router.url, 'm')]);
    engines[0]!.signal('SIGSTOP');
    const outcomes = await arrivals(50, LOAD, (count) => send(router.url, 'm', { stream: count % 2 === 0 }));
    engines[0]!.signal('SIGCONT');
    const failed = outcomes.filter(({ status, clean }) => status !== 200 || !clean);
    assert.equal(failed.length, 0, describeBad(failed));
    const slow = outcomes.filter(({ took }) => took > 3_000);
    assert.ok(slow.length < 10, `${slow.length} of ${outcomes.length} took longer than 3 s`);
  });
});

describe('SIGTERM', () => {
  before(start);
  after(stop);

  test('fault 8: a rolling restart with vLLM’s hang fails no plain request; streams end with an error event within 5 s', async () => {
    const begun = performance.now();
    let restartedAt = 0;
    const streams = Array.from({ length: 20 }, async () => {
      const outcome = await send(router.url, 'm', { stream: true, max_tokens: LOAD * 1.2 });
      return { ...outcome, endedAt: performance.now() };
    });
    const load = arrivals(50, LOAD + 3_000, () => send(router.url, 'm', { max_tokens: 20 }));
    await later(500);
    restartedAt = performance.now();
    const old = engines[0]!;
    old.signal('SIGTERM');
    await later(LOAD);
    await old.end('SIGKILL');
    engines[0] = await spawnEngine([...FLAGS, '--port', String(old.port)]);
    const plain = await load;
    const failed = plain.filter(({ status, clean }) => status !== 200 || !clean);
    assert.equal(failed.length, 0, describeBad(failed));
    await engines[1]!.end('SIGKILL');
    const ended = await Promise.all(streams);
    const early = ended.filter(({ endedAt }) => endedAt - restartedAt < 5_000);
    assert.ok(early.length >= 10, `${early.length} of 20 streams ended within 5 s of ${performance.now() - begun} ms`);
    for (const { body } of ended) assert.match(body, /"error":\{/);
    await eventually(async () => {
      const page = await (await fetch(`${router.url}/metrics`)).text();
      return /vllm_router_inflight_requests\{[^}]*\} 0/.test(page);
    });
  });
});
