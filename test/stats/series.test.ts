import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RequestStats } from '../../src/stats/request-stats.ts';
import type { AttemptRecord } from '../../src/stats/series.ts';

const START = 5_000_000;

function stats(maxModels = 10): RequestStats {
  return new RequestStats(60_000, maxModels, START);
}

test("a stream's way: prefill, decoding, finished, and what it took", () => {
  const requests = stats();
  const series = requests.series('http://a', 'm');
  const attempt = series.dispatched(START);
  assert.deepEqual([series.prefill, series.decoding], [1, 0]);
  attempt.firstToken(START + 200);
  assert.deepEqual([series.prefill, series.decoding], [0, 1]);
  attempt.token(START + 220);
  attempt.token(START + 260);
  attempt.usage(12, 3);
  attempt.finished(START + 1200, 'success');
  assert.deepEqual([series.prefill, series.decoding, series.finished], [0, 0, 1]);
  assert.deepEqual([series.promptTokens, series.completionTokens], [12, 3]);

  const summary = requests.summary('http://a', START + 2000);
  assert.equal(summary.qps, 1 / 2);
  assert.equal(summary.ttft?.mean, 200);
  assert.ok(Math.abs(summary.ttft.p50 - 200) < 30);
  assert.equal(summary.interToken, 30);
  assert.equal(summary.latency, 1200);
  assert.equal(summary.decode, 1000);
  assert.equal(summary.finished, 1);
});

test('a plain answer ends from prefill and leaves no time to first token', () => {
  const requests = stats();
  requests
    .series('http://a', 'm')
    .dispatched(START)
    .finished(START + 900, 'success');
  const summary = requests.summary('http://a', START + 1000);
  assert.equal(summary.latency, 900);
  assert.deepEqual([summary.ttft, summary.interToken, summary.decode], [undefined, undefined, undefined]);
});

test('failures and aborts are counted, and slow none of the means', () => {
  const requests = stats();
  const series = requests.series('http://a', 'm');
  series.dispatched(START).failed(START + 5000, 'connect_failed');
  const left = series.dispatched(START);
  left.firstToken(START + 10);
  left.finished(START + 9000, 'aborted');
  series.dispatched(START).finished(START + 100, 'success');
  assert.deepEqual([...series.failures], [['connect_failed', 1]]);
  const summary = requests.summary('http://a', START + 9000);
  assert.equal(summary.latency, 100);
  assert.equal(summary.decode, undefined);
  assert.equal(summary.finished, 3);
  assert.equal(
    series.latency.error?.counts.reduce((sum, count) => sum + count),
    1,
  );
  assert.equal(series.latency.aborted?.sum, 9);
});

test('in-flight figures come back to zero whatever is called, in whatever order and however often', () => {
  const calls: readonly ((attempt: AttemptRecord, now: number) => void)[] = [
    (attempt, now) => attempt.firstToken(now),
    (attempt, now) => attempt.token(now),
    (attempt, now) => attempt.finished(now, 'success'),
    (attempt, now) => attempt.finished(now, 'aborted'),
    (attempt, now) => attempt.failed(now, 'truncated'),
  ];
  fc.assert(
    fc.property(fc.array(fc.nat(calls.length - 1), { maxLength: 12 }), (order) => {
      const series = stats().series('http://a', 'm');
      const attempt = series.dispatched(START);
      for (const [index, call] of order.entries()) calls[call]!(attempt, START + index);
      attempt.finished(START + 20, 'aborted');
      const ended = Object.values(series.latency).reduce((sum, { counts }) => sum + counts.reduce((a, b) => a + b), 0);
      assert.deepEqual([series.prefill, series.decoding, series.finished, ended], [0, 0, 1, 1]);
    }),
  );
});

test('rates fall to zero and means vanish when the window has passed; counts stay', () => {
  const requests = stats();
  requests
    .series('http://a', 'm')
    .dispatched(START)
    .finished(START + 10, 'success');
  const later = requests.summary('http://a', START + 70_000);
  assert.deepEqual([later.qps, later.latency, later.finished], [0, undefined, 1]);
});

test('the rate is over the window once the router is that old, and over its age before', () => {
  const requests = stats();
  const series = requests.series('http://a', 'm');
  for (let at = 0; at < 120_000; at += 100) series.dispatched(START + at).finished(START + at + 1, 'success');
  for (const at of [120_000, 120_400, 120_999]) {
    const { qps } = requests.summary('http://a', START + at);
    assert.ok(Math.abs(qps - 10) < 0.2, `${qps}`);
  }
});

test("a server's figures add up its models'", () => {
  const requests = stats();
  requests
    .series('http://a', 'm')
    .dispatched(START)
    .firstToken(START + 100);
  requests
    .series('http://a', 'n')
    .dispatched(START)
    .firstToken(START + 300);
  requests.series('http://b', 'n').dispatched(START);
  assert.equal(requests.summary('http://a', START + 500).ttft?.mean, 200);
  assert.equal(requests.summary('http://a', START + 500, 'n').ttft?.mean, 300);
  assert.equal(requests.summary('http://a', START + 500).decoding, 2);
  assert.equal(requests.summary('http://a', START + 500, 'other').decoding, 0);
  assert.equal(requests.summary('http://c', START + 500).qps, 0);
});

test('models beyond the cap share one series, on every server; a retired server is forgotten', () => {
  const requests = stats(2);
  const labels = ['m1', 'm2', 'm3', 'm4', 'm1'].map((model) => requests.series('http://a', model).model);
  assert.deepEqual(labels, ['m1', 'm2', '_other', '_other', 'm1']);
  assert.equal(requests.series('http://b', 'm3').model, '_other');
  assert.equal([...requests.of('http://a')].length, 3);
  requests.forget('http://a');
  assert.deepEqual([...requests.servers], ['http://b']);
});

test('a reload with another window starts it empty and keeps what is counted; the cap grows at once', () => {
  const requests = stats(1);
  const series = requests.series('http://a', 'm');
  const attempt = series.dispatched(START);
  attempt.firstToken(START + 100);
  requests.configure(10_000, 2, START + 1000);
  assert.equal(requests.summary('http://a', START + 2000).ttft, undefined);
  attempt.finished(START + 2000, 'success');
  const summary = requests.summary('http://a', START + 2000);
  assert.deepEqual([summary.latency, summary.finished, series.ttft.sum], [2000, 1, 0.1]);
  assert.equal(requests.summary('http://a', START + 12_500).latency, undefined);
  assert.equal(requests.series('http://a', 'n').model, 'n');
  requests.configure(10_000, 2, START + 20_000);
  assert.equal(requests.summary('http://a', START + 20_000).finished, 1);
});
