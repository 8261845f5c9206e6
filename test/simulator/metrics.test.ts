import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { parseResponse } from '../fakes/framing.ts';
import { RawClient, rawRequest } from '../fakes/raw-client.ts';
import { loadRecording } from '../fakes/recording.ts';
import { chatRequest } from './requests.ts';

/** Name of each sample without its histogram bucket, and its label names. */
function families(page: string): Set<string> {
  const found = new Set<string>();
  for (const line of page.split('\n')) {
    const match = /^(vllm:[\w:]+)\{(.*)\} \S+$/.exec(line);
    if (!match) continue;
    const labels = [...match[2]!.matchAll(/(\w+)="/g)].map(([, name]) => name);
    found.add(match[1] === 'vllm:cache_config_info' ? match[1] : `${match[1]}{${labels.join()}}`);
  }
  return found;
}

function value(page: string, sample: string): number {
  const line = page.split('\n').find((candidate) => candidate.startsWith(`${sample} `));
  assert.ok(line, `no ${sample}`);
  return Number(line.slice(sample.length));
}

describe('metrics of the simulated engine', () => {
  let engine: Engine;
  before(async () => {
    engine = await startEngine({ maxNumSeqs: 2, loras: [], blockSize: 16 });
  });
  after(() => engine.stop());
  const page = async () => (await rawRequest(engine.url, { path: '/metrics' })).body.toString();

  it('has every vLLM sample of the recorded page, with the same labels', async () => {
    const recorded = parseResponse(loadRecording('get-metrics-full').response)!.body.toString();
    const present = families(await page());
    assert.deepEqual(
      [...families(recorded)].filter((name) => !present.has(name)),
      [],
    );
  });

  it('has none of the names that vLLM dropped', async () => {
    const text = await page();
    for (const gone of ['gpu_prefix_cache', 'gpu_cache_usage_perc', 'num_requests_swapped'])
      assert.ok(!text.includes(gone));
  });

  it('shows what runs and waits, and lets go of it when the clients leave', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.open(engine.url)));
    for (const client of clients) client.send(bytesOf(client));
    await engine.until(({ running, waiting }) => running === 2 && waiting === 1);
    const busy = await page();
    const labels = '{engine="0",model_name="tiny-chat"';
    assert.equal(value(busy, `vllm:num_requests_running${labels}}`), 2);
    assert.equal(value(busy, `vllm:num_requests_waiting${labels}}`), 1);
    assert.equal(value(busy, `vllm:num_requests_waiting_by_reason${labels},reason="capacity"}`), 1);
    assert.ok(value(busy, `vllm:kv_cache_usage_perc${labels}}`) > 0);
    for (const client of clients) client.destroy();
    await engine.until(({ running, waiting }) => running === 0 && waiting === 0);
    const idle = await page();
    assert.equal(value(idle, `vllm:num_requests_running${labels}}`), 0);
    assert.equal(
      value(idle, `vllm:request_success_total{engine="0",finished_reason="abort",model_name="tiny-chat"}`),
      0,
    );
    assert.equal(engine.counts.aborted, 3);
  });

  it('counts tokens, hits and latencies', async () => {
    const request = chatRequest('p'.repeat(1000), { stream: false, max_tokens: 4 });
    const first = JSON.parse((await rawRequest(engine.url, request)).body.toString()).usage;
    const before = await page();
    const second = JSON.parse((await rawRequest(engine.url, request)).body.toString()).usage;
    const after = await page();
    const grown = (sample: string) => value(after, sample) - value(before, sample);
    const labels = '{engine="0",model_name="tiny-chat"}';
    assert.equal(first.prompt_tokens_details.cached_tokens, 0);
    assert.equal(second.prompt_tokens_details.cached_tokens, Math.floor((second.prompt_tokens - 1) / 16) * 16);
    assert.equal(grown(`vllm:prefix_cache_queries_total${labels}`), second.prompt_tokens);
    assert.equal(grown(`vllm:prefix_cache_hits_total${labels}`), second.prompt_tokens_details.cached_tokens);
    assert.equal(grown(`vllm:prompt_tokens_total${labels}`), second.prompt_tokens);
    assert.equal(grown(`vllm:generation_tokens_total${labels}`), 4);
    assert.equal(grown(`vllm:time_to_first_token_seconds_count${labels}`), 1);
    assert.equal(grown(`vllm:inter_token_latency_seconds_count${labels}`), 3);
    assert.equal(grown(`vllm:e2e_request_latency_seconds_bucket{engine="0",le="+Inf",model_name="tiny-chat"}`), 1);
    assert.equal(grown(`vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny-chat"}`), 1);
    assert.match(after, /vllm:cache_config_info\{.*block_size="16".*num_gpu_blocks="16384"/);
  });

  it('tells that it sleeps', async () => {
    const awake = 'vllm:engine_sleep_state{engine="0",model_name="tiny-chat",sleep_state="awake"}';
    assert.equal(value(await page(), awake), 1);
    await rawRequest(engine.url, { method: 'POST', path: '/sleep?level=1' });
    assert.equal(value(await page(), awake), 0);
    assert.equal(value(await page(), awake.replace('awake', 'weights_offloaded')), 1);
    assert.equal((await rawRequest(engine.url, { path: '/is_sleeping' })).body.toString(), '{"is_sleeping":true}');
    await rawRequest(engine.url, { method: 'POST', path: '/wake_up' });
    assert.equal(value(await page(), awake), 1);
  });
});

function bytesOf(client: RawClient): string {
  const body = JSON.stringify(chatRequest(`long ${Math.random()}`, { max_tokens: 100_000 }).body);
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: ${client.host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}
