import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeChunks, judgeLatency, judgeSoak, judgeStreams } from '../../bench/load-bars/bars.ts';
import { judgeDrain, judgeHang, judgeKill, judgeStop } from '../../bench/load-bars/fault-bars.ts';
import { PARTS, readOptions, usage } from '../../bench/load-bars/options.ts';
import { atLeast, atMost, exactly, type Row } from '../../bench/load-bars/row.ts';
import { slopeOf } from '../../bench/load-bars/slope.ts';
import { sumOf } from '../../bench/load-bars/stage.ts';
import type { LoadResult } from '../../bench/measure.ts';
import { measurement } from './measurement.ts';

/** What a load generator says, with the figures a test names. */
function load(more: Partial<LoadResult> = {}): LoadResult {
  return { ...measurement('ours', 'a', 1, 1).load, ...more };
}
const quantiles = (p50: number, p99: number) => ({ count: 1, p50, p90: p99, p99, max: p99 });
const results = (rows: readonly Row[]) => rows.filter(({ bar }) => bar !== '').map(({ result }) => result);
const find = (rows: readonly Row[], what: RegExp) => {
  const found = rows.filter((row) => what.test(row.what));
  assert.equal(found.length, 1, `${what} in ${rows.map((row) => row.what).join('; ')}`);
  return found[0]!;
};

test('a limit is missed, held, or held with the stretch; what was not measured holds nothing', () => {
  const limit = { must: 5, stretch: 2 };
  const at = (value: number) => atMost('latency', 'x', limit, { value }).result;
  assert.deepEqual([1, 2, 2.1, 5, 5.1, Number.NaN].map(at), ['stretch', 'stretch', 'held', 'held', 'MISSED', 'MISSED']);
  const least = (value: number) => atLeast('chunks', 'x', { must: 20_000, stretch: 60_000 }, { value }).result;
  assert.deepEqual([19_999, 20_000, 60_000].map(least), ['MISSED', 'held', 'stretch']);
  assert.equal(atLeast('chunks', 'x', { must: 20_000, stretch: 60_000 }, { value: 1 }).bar, '≥ 20,000 (60,000)');
  assert.deepEqual(
    [2, 3].map((value) => exactly('kill', 'x', 3, value).result),
    ['MISSED', 'held'],
  );
});

test('open streams: errors, streams that stood still, and memory of each', () => {
  const found = { wanted: 2_000, streams: 2_000, direct: load({ chunks: 4_000 }), idle: 0 };
  const good = judgeStreams({ ...found, ours: load({ chunks: 4_000 }), loaded: 2_000 * 40 * 1024 });
  assert.deepEqual(results(good), ['held', 'held', 'held']);
  const bad = judgeStreams({ ...found, ours: load({ chunks: 3_000, errors: 1 }), loaded: 2_000 * 65 * 1024 });
  assert.deepEqual(results(bad), ['MISSED', 'MISSED', 'MISSED']);
  const fewer = judgeStreams({ ...found, wanted: 10_000, ours: load({ chunks: 4_000 }), loaded: 1 });
  assert.match(fewer[0]!.what, /2,000 \(of 10000\) streams/);
});

test('a rate with an error in it does not count as forwarded', () => {
  const direct = load();
  const slow = { offered: 20_000, direct, ours: load({ chunks: 40_000 }), busy: 0.5 };
  const fast = { offered: 60_000, direct, ours: load({ chunks: 120_000 }), busy: 1 };
  assert.equal(judgeChunks([slow, fast])[0]!.result, 'stretch');
  const broken = { ...fast, ours: load({ chunks: 120_000, errors: 1 }) };
  assert.equal(judgeChunks([slow, broken])[0]!.result, 'held');
});

test('added latency is the median of the differences within the pairs', () => {
  const pair = (direct: number, ours: number) => ({
    direct: load({ ttftMs: quantiles(direct, direct) }),
    ours: load({ ttftMs: quantiles(ours, ours) }),
    others: 0,
    lag: 0,
  });
  // A slow minute slows both.
  const rows = judgeLatency([pair(1, 1.4), pair(50, 50.3), pair(1, 9)]);
  const first = find(rows, /first token, p50/);
  assert.deepEqual([first.measured, first.direct, first.result], ['0.40', '1.00', 'stretch']);
});

test('soak: growth, descriptors, what is still in flight, and failures that no engine caused', () => {
  const good = {
    streams: load({ errors: 3, errorKinds: { 'error event': 3 } }),
    requests: load({ errors: 2, errorKinds: { 'status 500': 1, 'status 502': 1 } }),
    faulted: 5,
    growth: { live: { perHour: 3, error: 4 }, rss: { perHour: 0, error: 1 }, code: { perHour: 9, error: 1 } },
    idle: { before: 60e6, after: 61e6 },
    descriptors: { before: 30, after: 30 },
    inflight: { router: 0, engines: 0 },
  };
  assert.ok(results(judgeSoak(good)).every((result) => result === 'held'));
  const bad = judgeSoak({
    ...good,
    requests: load({ errors: 3, errorKinds: { timeout: 3 } }),
    growth: { ...good.growth, live: { perHour: 60, error: 10 }, rss: { perHour: 60, error: 10 } },
    idle: { before: 60e6, after: 62e6 },
    descriptors: { before: 30, after: 31 },
    inflight: { router: 1, engines: 2 },
  });
  assert.ok(results(bad).every((result) => result === 'MISSED'));
});

test('a killed engine: exactly its begun streams are cut, and nothing else fails', () => {
  const streams = (kinds: Record<string, number>) =>
    load({ errors: Object.values(kinds).reduce((a, b) => a + b, 0), errorKinds: kinds });
  const found = { requests: load(), begun: 48 };
  assert.deepEqual(results(judgeKill({ ...found, streams: streams({ 'error event': 48 }) })), ['held', 'held']);
  assert.deepEqual(results(judgeKill({ ...found, streams: streams({ 'error event': 47 }) })), ['held', 'MISSED']);
  const early = streams({ 'error event': 48, 'status 502': 1 });
  assert.deepEqual(results(judgeKill({ ...found, streams: early })), ['MISSED', 'held']);
  assert.equal(results(judgeHang({ requests: load(), streams: early }))[0], 'MISSED');
});

test('a hanging engine: an error event within 5 s; a draining one: nothing fails; a stopped one: fewer than ten are slow', () => {
  const ended = (ms: number) =>
    load({ errors: 1, errorKinds: { 'error event': 1 }, silenceMs: { ...quantiles(1, 1), max: ms } });
  assert.deepEqual(results(judgeHang({ requests: load(), streams: ended(4_900) })), ['held', 'held']);
  assert.deepEqual(results(judgeHang({ requests: load(), streams: ended(5_100) })), ['held', 'MISSED']);
  assert.deepEqual(results(judgeDrain({ requests: load(), streams: ended(1) })), ['held', 'MISSED']);
  const stop = (slow: number, unanswered: number) =>
    judgeStop({ load: 'x', requests: load(), streams: load(), arrivals: load({ slow, unanswered }) });
  assert.deepEqual(results(stop(9, 0)), ['held', 'held', 'held']);
  assert.deepEqual(results(stop(10, 1)), ['MISSED', 'held', 'MISSED']);
});

test('growth is read from what collections leave', () => {
  const mib = 2 ** 20;
  // A heap that fills and empties every 7 s above a floor that rises by 36 MiB an hour.
  const samples = Array.from({ length: 400 }, (_, at) => ({ at, bytes: 100 * mib + (at % 7) * mib + at * 0.01 * mib }));
  const { perHour, error } = slopeOf(samples);
  assert.ok(Math.abs(perHour - 36) < 2 && error < 2, `${perHour} ± ${error}`);
  assert.ok(Number.isNaN(slopeOf([]).perHour));
});

test('samples of a metric are added up by name and label', () => {
  const text = '# TYPE a gauge\na{server="x"} 1\na{server="y"} 2\nab 8\na 4\n';
  assert.equal(sumOf(text, 'a'), 7);
  assert.equal(sumOf(text, 'a', '"y"'), 2);
});

test('the command line', () => {
  assert.deepEqual(readOptions(['--only', 'soak, kill', '--gate']).only, ['kill', 'soak']);
  assert.deepEqual(readOptions([]).only, Object.keys(PARTS));
  assert.throws(() => readOptions(['--only', 'storm']), /--only: unknown "storm"; known are streams,/);
  assert.throws(() => readOptions(['--seconds', '1']), /--seconds needs a number of at least 10/);
  for (const name of ['only', 'seconds', 'rounds', 'gate', 'out', ...Object.keys(PARTS)])
    assert.ok(usage.includes(name));
});
