import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEngineStats } from '../../src/backends/engine-stats.ts';

function page(name: string): string {
  return readFileSync(new URL(`../fixtures/metrics/${name}.txt`, import.meta.url), 'utf8');
}

test("vLLM 0.32's page", () => {
  assert.deepEqual(parseEngineStats(page('vllm-0.32.0')), {
    running: 0,
    waiting: 0,
    kvUsage: 0,
    prefixHits: 1024,
    prefixQueries: 2257,
    sleeping: false,
    blockSize: 128,
    cacheTokens: 2_097_152,
  });
});

test('data parallelism: requests and tokens of the ranks are added up, cache usage is their mean', () => {
  const busy = page('vllm-0.32.0-dp2')
    .replace('num_requests_running{engine="0",model_name="tiny-chat"} 0.0', 'num_requests_running{engine="0"} 3.0')
    .replace('num_requests_running{engine="1",model_name="tiny-chat"} 0.0', 'num_requests_running{engine="1"} 4.0')
    .replace('num_requests_waiting{engine="1",model_name="tiny-chat"} 0.0', 'num_requests_waiting{engine="1"} 2.0')
    .replace('kv_cache_usage_perc{engine="1",model_name="tiny-chat"} 0.0', 'kv_cache_usage_perc{engine="1"} 0.5');
  const stats = parseEngineStats(busy)!;
  assert.equal(stats.running, 7);
  assert.equal(stats.waiting, 2);
  assert.equal(stats.kvUsage, 0.25);
  assert.equal(stats.prefixQueries, 84 + 126);
  assert.equal(stats.prefixHits, 0);
  assert.equal(stats.cacheTokens, 2 * 2_097_152);
});

test('one sleeping rank is a sleeping engine: a request to it would hang', () => {
  const one = page('vllm-0.32.0-dp2');
  const asleep = one.replace(/(engine="1",model_name="tiny-chat",sleep_state="awake"}) 1\.0/, '$1 0.0');
  assert.notEqual(asleep, one);
  assert.equal(parseEngineStats(one)?.sleeping, false);
  assert.equal(parseEngineStats(asleep)?.sleeping, true);
});

test('the names before vLLM renamed them are a fall-back, never an addition', () => {
  const old = [
    'vllm:num_requests_running{model_name="m"} 2',
    'vllm:gpu_cache_usage_perc{model_name="m"} 0.5',
    'vllm:gpu_prefix_cache_hits_total{model_name="m"} 30',
    'vllm:gpu_prefix_cache_queries_total{model_name="m"} 60',
  ].join('\n');
  const expected = { running: 2, waiting: 0, kvUsage: 0.5, prefixHits: 30, prefixQueries: 60 };
  assert.deepEqual(parseEngineStats(old), {
    ...expected,
    sleeping: undefined,
    blockSize: undefined,
    cacheTokens: undefined,
  });
  const both = `${old}\nvllm:kv_cache_usage_perc 0.1\nvllm:prefix_cache_hits_total 1\nvllm:prefix_cache_queries_total 4\n`;
  const { kvUsage, prefixHits, prefixQueries } = parseEngineStats(both)!;
  assert.deepEqual([kvUsage, prefixHits, prefixQueries], [0.1, 1, 4]);
});

test("`_created` twins are timestamps and no counts, llama.cpp's and the simulator's pages are read", () => {
  const twin = 'vllm:num_requests_running 1\nvllm:prefix_cache_hits_created 1.79e+09\nvllm:prefix_cache_hits_total 5\n';
  assert.equal(parseEngineStats(twin)?.prefixHits, 5);

  const simulator = parseEngineStats(page('llm-d-inference-sim'))!;
  assert.equal(simulator.blockSize, 16);
  assert.equal(simulator.cacheTokens, 16 * 1024);
  assert.equal(simulator.prefixHits, undefined);

  const llama = page('llama.cpp')
    .replace('requests_processing 0', 'requests_processing 2')
    .replace('requests_deferred 0', 'requests_deferred 1')
    .replace('prompt_tokens_cached_total 0', 'prompt_tokens_cached_total 40')
    .replace('prompt_tokens_total 0', 'prompt_tokens_total 60');
  assert.deepEqual(parseEngineStats(llama), {
    running: 2,
    waiting: 1,
    kvUsage: 0,
    prefixHits: 40,
    prefixQueries: 100,
    sleeping: undefined,
    blockSize: undefined,
    cacheTokens: undefined,
  });
});

test('labels may hold braces, commas and quotes; values exponents and time stamps', () => {
  const text = 'vllm:num_requests_running{model_name="a} 9 {b, \\"c\\"",engine="0"} 1.2e+01 1795362894000\n';
  assert.equal(parseEngineStats(text)?.running, 12);
  const config =
    'vllm:num_requests_running 1\nvllm:cache_config_info{x="1",effective_block_size="7",block_size="32"} 1\n';
  assert.equal(parseEngineStats(config)?.blockSize, 32);
});

test('a page that tells nothing of load is none, and NaN counts for nothing', () => {
  assert.equal(parseEngineStats(''), undefined);
  assert.equal(parseEngineStats('<html>hello</html>'), undefined);
  assert.equal(parseEngineStats('vllm:num_requests_running NaN\n'), undefined);
  assert.equal(parseEngineStats('vllm:num_requests_running{engine="0"} NaN\nvllm:num_requests_waiting 3')?.running, 0);
});

test('a page cut anywhere gives finite figures or none', () => {
  const text = page('vllm-0.32.0');
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(text.length), (a, b) => {
      const stats = parseEngineStats(text.slice(Math.min(a, b), Math.max(a, b)));
      if (stats === undefined) return;
      for (const value of [stats.running, stats.waiting, stats.kvUsage]) assert.ok(Number.isFinite(value));
    }),
  );
});
