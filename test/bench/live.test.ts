import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLoop } from '../../bench/live/client.ts';
import type { Figures, LiveAlgorithm } from '../../bench/live/measure.ts';
import { ChatBodies } from '../../bench/live/prompts.ts';
import { agreement, type Line, meanMeasured, order } from '../../bench/live/report.ts';
import { startEngine } from '../../src/simulator/engine/engine.ts';
import type { Arrival } from '../../src/simulator/replay/sim-request.ts';

const BLOCK = 100;

function arrival(...ids: number[]): Arrival {
  return { at: 0, blocks: Int32Array.from(ids), promptTokens: ids.length * BLOCK, outputTokens: 8, session: '3/4' };
}

test('prompts are words of one token each, and share what their block ids share', () => {
  const bodies = new ChatBodies('live', BLOCK);
  const read = (...ids: number[]) =>
    JSON.parse(bodies.body(arrival(...ids), 8).toString()) as {
      messages: { content: string }[];
      max_tokens: number;
      user: string;
    };
  const { messages, max_tokens, user } = read(1, 2, 3);
  const text = messages[0]!.content;
  assert.equal(max_tokens, 8);
  assert.equal(user, '3/4');
  assert.match(text, /^([a-z0-9]{3} ){300}$/);
  const other = read(1, 2, 2 ** 31 - 1).messages[0]!.content;
  assert.equal(text.slice(0, 800), other.slice(0, 800));
  assert.notEqual(text.slice(800, 808), other.slice(800, 808));
});

test('the client sends each request when it is due, and reads what the engine counted', async () => {
  const engine = await startEngine({ models: ['live'], blockSize: BLOCK, speed: 10 });
  try {
    const bodies = new ChatBodies('live', BLOCK);
    const due = [0, 1, 2, 3].map((n) => ({ at: 5 * n, body: () => bodies.body(arrival(1, 2, 10 + n), 8) }));
    const { answers, lateness } = await openLoop(engine.url, due);
    assert.equal(lateness.length, 4);
    assert.ok(answers.every(({ ok, ttft, endToEnd }) => ok && ttft > 0 && endToEnd >= ttft));
    const cached = answers.map(({ cachedTokens }) => cachedTokens).sort((a, b) => a - b);
    assert.deepEqual(cached, [0, 200, 200, 200]);
    assert.ok(answers.every(({ promptTokens }) => promptTokens > 3 * BLOCK));
  } finally {
    await engine.kill();
  }
});

test('an answer that is none is told as it is', async () => {
  const engine = await startEngine({ models: ['other'] });
  const bodies = new ChatBodies('live', BLOCK);
  const refused = await openLoop(engine.url, [{ at: 0, body: () => bodies.body(arrival(1), 8) }]);
  assert.equal(refused.answers[0]!.ok, false);
  assert.match(refused.answers[0]!.error!, /^404 /);
  await engine.kill();
  const lost = await openLoop(engine.url, [{ at: 0, body: () => bodies.body(arrival(1), 8) }]);
  assert.match(lost.answers[0]!.error!, /ECONNREFUSED/);
});

function figures(ms: number): Figures {
  const quantiles = { mean: ms, p50: ms, p90: ms, p99: ms };
  return { ttft: quantiles, endToEnd: quantiles, hitRate: 0.5, success: 1, skew: 1 };
}

function line(algorithm: LiveAlgorithm, measured: number, predicted: number): Line {
  const rest = { lateness: 1, busy: 0.5, errors: [] };
  return { algorithm, measured: { ...figures(measured), ...rest }, predicted: figures(predicted) };
}

test('the order, with ties, and how much of the prediction came', () => {
  const lines = [line('round-robin', 210, 200), line('least-load', 200, 205), line('prefix-aware', 30, 20)];
  assert.equal(
    order(lines, ({ measured }) => measured.ttft.p90),
    'prefix-aware < least-load ≈ round-robin',
  );
  assert.match(
    agreement(lines, ({ ttft }) => ttft.p90),
    /^2 of 2 pairs/,
  );
  const turned = [line('session', 10, 20), line('prefix-aware', 20, 10)];
  assert.match(
    agreement(turned, ({ ttft }) => ttft.p90),
    /^0 of 1 pairs/,
  );
  assert.equal(
    agreement([line('session', 10, 20), line('least-load', 30, 21)], ({ ttft }) => ttft.p90),
    'all tie',
  );
});

test('of several runs the mean, and the worst of what could spoil it', () => {
  const one = { ...figures(10), lateness: 1, busy: 0.9, errors: ['x'] };
  const two = { ...figures(30), success: 0.99, lateness: 5, busy: 0.5, errors: ['x'] };
  const { ttft, success, lateness, busy, errors } = meanMeasured([one, two]);
  assert.deepEqual([ttft.p90, success, lateness, busy, errors], [20, 0.99, 5, 0.9, ['x']]);
});
