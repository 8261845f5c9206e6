import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRICS } from '../../src/stats/exposition.ts';
import { backend, engine, START, world } from './facts.ts';
import { type Family, lint, parsePage } from './prometheus-text.ts';

type World = ReturnType<typeof world>;

async function page({ stats }: World): Promise<Map<string, Family>> {
  const { contentType, text } = await stats.metrics();
  assert.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8');
  return parsePage(text);
}

async function sample(subject: World, line: string): Promise<number | undefined> {
  const families = await page(subject);
  for (const { samples } of families.values()) if (samples.has(line)) return samples.get(line);
  return undefined;
}

/** One finished stream, one running one, one failure, one plain answer, on two servers. */
function busy(): World {
  const subject = world();
  const { stats, backends, queues, clock } = subject;
  backends.push(
    backend('http://a:8000', { engine: engine(), scrapeFailures: 2 }),
    backend('http://b:8000', {
      state: 'unhealthy',
      healthy: false,
      engine: engine({ prefixQueries: 0, sleeping: true }),
    }),
  );
  queues.push({ route: 'chat', model: 'm', waiting: 4 });
  const stream = stats.series('http://a:8000', 'm').dispatched(START);
  stream.firstToken(START + 300);
  stream.token(START + 340);
  stream.usage(11, 7);
  stream.finished(START + 2000, 'success');
  stats
    .series('http://a:8000', 'm')
    .dispatched(START)
    .firstToken(START + 10);
  stats
    .series('http://a:8000', 'n')
    .dispatched(START)
    .finished(START + 1000, 'success');
  stats
    .series('http://b:8000', 'm')
    .dispatched(START)
    .failed(START + 50, 'connect_failed');
  stats.series('http://b:8000', 'm').dispatched(START);
  stats.arrived('m');
  stats.arrived(undefined);
  stats.open('chat', 1);
  stats.ended('chat', 'm', 200);
  stats.ended(undefined, undefined, 404);
  stats.retried('connect_failed', 'sent');
  stats.streamTerminated('stream_timeout');
  stats.clientRejected('model_not_found');
  stats.reloaded('applied', { hash: 'abc', version: '1' });
  clock.now = START + 10_000;
  return subject;
}

test('a page that is being written is for all who ask meanwhile; the next is a new one', async () => {
  const { stats } = busy();
  const [one, other] = await Promise.all([stats.metrics(), stats.metrics()]);
  assert.equal(one, other);
  assert.notEqual(await stats.metrics(), one);
});

test('the old names carry true values', async () => {
  const families = await page(busy());
  const expected: Record<string, number> = {
    'vllm:current_qps{server="http://a:8000"}': 0.3,
    'vllm:num_requests_running{server="http://a:8000"}': 1,
    'vllm:num_requests_running{server="http://b:8000"}': 1,
    'vllm:num_requests_waiting{server="http://a:8000"}': 0,
    'vllm:num_requests_waiting{model="m"}': 4,
    'vllm:num_prefill_requests{server="http://a:8000"}': 0,
    'vllm:num_prefill_requests{server="http://b:8000"}': 1,
    'vllm:num_decoding_requests{server="http://a:8000"}': 1,
    'vllm:num_requests_swapped{server="http://a:8000"}': 0,
    'vllm:avg_latency{server="http://a:8000"}': 1.5,
    'vllm:avg_itl{server="http://a:8000"}': 0.04,
    'vllm:avg_decoding_length{server="http://a:8000"}': 1.7,
    'vllm:healthy_pods_total{server="http://a:8000"}': 1,
    'vllm:healthy_pods_total{server="http://b:8000"}': 0,
    'vllm:gpu_prefix_cache_hit_rate{server="http://a:8000"}': 0.25,
    'vllm:gpu_prefix_cache_hits_total{server="http://a:8000"}': 30,
    'vllm:gpu_prefix_cache_queries_total{server="http://a:8000"}': 120,
    'vllm:num_incoming_requests_total{model="m"}': 1,
    'vllm:num_incoming_requests_total{model="unknown"}': 1,
    'vllm:input_tokens_total{server="http://a:8000",model="m"}': 11,
    'vllm:output_tokens_total{server="http://a:8000",model="m"}': 7,
    'vllm:request_errors_total{server="http://b:8000",model="m",error_type="connect_failed"}': 1,
  };
  for (const [line, value] of Object.entries(expected)) {
    const got = families.get(line.replace(/\{.*/, ''))?.samples.get(line);
    assert.equal(got, value, line);
  }
  // Nothing was measured: no sample rather than an invented one.
  assert.ok(!families.get('vllm:avg_itl')!.samples.has('vllm:avg_itl{server="http://b:8000"}'));
  const rates = families.get('vllm:gpu_prefix_cache_hit_rate')!.samples;
  assert.ok(!rates.has('vllm:gpu_prefix_cache_hit_rate{server="http://b:8000"}'));
  for (const name of ['router_cpu_usage_percent', 'router_memory_usage_percent', 'router_disk_usage_percent']) {
    const value = families.get(name)!.samples.get(name)!;
    assert.ok(value >= 0 && value <= 100, `${name} ${value}`);
  }
});

test('request_latency_seconds has the original buckets, cumulated', async () => {
  const { samples } = (await page(busy())).get('vllm:request_latency_seconds')!;
  const labels = 'server="http://a:8000",model="m",status="success"';
  const bounds = ['0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '30', '60', '120', '+Inf'];
  const counts = bounds.map((le) => samples.get(`vllm:request_latency_seconds_bucket{${labels},le="${le}"}`));
  assert.deepEqual(counts, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
  assert.equal(samples.get(`vllm:request_latency_seconds_sum{${labels}}`), 2);
  assert.equal(samples.get(`vllm:request_latency_seconds_count{${labels}}`), 1);
  const failed = 'server="http://b:8000",model="m",status="error"';
  assert.equal(samples.get(`vllm:request_latency_seconds_count{${failed}}`), 1);
});

test('the new names', async () => {
  const families = await page(busy());
  const a = 'server="http://a:8000"';
  const expected: Record<string, number> = {
    'vllm_router_requests_total{route="chat",model="m",status="200"}': 1,
    'vllm_router_requests_total{model="unknown",status="404"}': 1,
    'vllm_router_inflight_requests{route="chat"}': 1,
    'vllm_router_queued_requests{route="chat",model="m"}': 4,
    [`vllm_router_attempts_total{${a},model="m"}`]: 2,
    [`vllm_router_time_to_first_token_seconds_count{${a},model="m"}`]: 2,
    [`vllm_router_time_to_first_token_seconds_bucket{${a},model="m",le="0.25"}`]: 1,
    [`vllm_router_inter_token_latency_seconds_sum{${a},model="m"}`]: 0.04,
    'vllm_router_upstream_failures_total{backend="http://b:8000",reason="connect_failed"}': 1,
    'vllm_router_retries_total{reason="connect_failed",result="sent"}': 1,
    'vllm_router_stream_terminations_total{reason="stream_timeout"}': 1,
    'vllm_router_client_rejects_total{reason="model_not_found"}': 1,
    [`vllm_router_build_info{version="1.2.3",node="${process.version}"}`]: 1,
    vllm_router_uptime_seconds: 10,
    vllm_router_config_last_reload_successful: 1,
    'vllm_router_config_reloads_total{result="applied"}': 1,
    'vllm_router_config_info{hash="abc",version="1"}': 1,
    'vllm_router_backends{state="ready"}': 1,
    'vllm_router_backend_state{server="http://b:8000",state="unhealthy"}': 1,
    [`vllm_router_backend_uptime_seconds{${a}}`]: 10,
    [`vllm_router_engine_running_requests{${a}}`]: 3,
    [`vllm_router_engine_waiting_requests{${a}}`]: 2,
    [`vllm_router_engine_kv_cache_usage_ratio{${a}}`]: 0.25,
    'vllm_router_engine_sleeping{server="http://b:8000"}': 1,
    [`vllm_router_engine_scrape_age_seconds{${a}}`]: 10,
    [`vllm_router_engine_scrape_failures_total{${a}}`]: 2,
  };
  for (const [line, value] of Object.entries(expected)) {
    const name = line.replace(/\{.*/, '').replace(/_seconds_(bucket|sum|count)$/, '_seconds');
    assert.equal(families.get(name)?.samples.get(line), value, line);
  }
});

test('a rejected reload keeps what applies and says so', async () => {
  const subject = world();
  const { stats } = subject;
  const before = await page(subject);
  assert.equal(before.get('vllm_router_config_info')!.samples.size, 0);
  stats.reloaded('applied', { hash: 'one', version: '1' });
  const { at } = stats.config!;
  stats.reloaded('rejected', { hash: 'two', version: '1' });
  assert.deepEqual(stats.config, { hash: 'one', version: '1', at, ok: false });
  assert.equal(await sample(subject, 'vllm_router_config_last_reload_successful'), 0);
  assert.equal(await sample(subject, 'vllm_router_config_reloads_total{result="rejected"}'), 1);
  stats.reloaded('unchanged', { hash: 'one', version: '1' });
  assert.deepEqual(stats.config, { hash: 'one', version: '1', at, ok: true });
});

test('names are escaped, and no name a client made up becomes a label', async () => {
  const subject = world({ maxModels: 3 });
  const nasty = 'a"b\\c\nd{}';
  subject.stats.series('http://a', nasty).dispatched(START);
  subject.stats.arrived(nasty);
  assert.equal(await sample(subject, 'vllm_router_attempts_total{server="http://a",model="a\\"b\\\\c\\nd{}"}'), 1);
  const lines = async () => (await subject.stats.metrics()).text.split('\n').length;
  const before = await lines();
  for (let index = 0; index < 1000; index++) {
    subject.stats.arrived(undefined);
    subject.stats.ended(undefined, undefined, 404);
  }
  // One series each: model="unknown".
  assert.equal(await lines(), before + 2);
  for (let index = 0; index < 1000; index++) subject.stats.arrived(`lora-${index}`);
  assert.equal(await lines(), before + 2 + 3);
  assert.equal(await sample(subject, 'vllm:num_incoming_requests_total{model="_other"}'), 998);
});

test('queues of models beyond the cap are one series', async () => {
  const subject = world({ maxModels: 1 });
  subject.queues.push(
    { route: 'r', model: 'a', waiting: 1 },
    { route: 'r', model: 'b', waiting: 2 },
    { route: 'r', model: 'c', waiting: 3 },
  );
  assert.equal(await sample(subject, 'vllm_router_queued_requests{route="r",model="_other"}'), 5);
  assert.equal(await sample(subject, 'vllm:num_requests_waiting{model="a"}'), 1);
});

test('two backends at one address are one server: a page with a series twice would be refused whole', async () => {
  const subject = world();
  subject.backends.push(
    backend('http://10.0.0.1:8000', { state: 'terminating', healthy: false, since: START - 5000 }),
    backend('http://10.0.0.1:8000', { engine: engine() }),
  );
  subject.stats.series('http://10.0.0.1:8000', 'm').dispatched(START);
  assert.equal(await sample(subject, 'vllm:healthy_pods_total{server="http://10.0.0.1:8000"}'), 1);
  assert.equal(await sample(subject, 'vllm_router_backend_uptime_seconds{server="http://10.0.0.1:8000"}'), 0);
  assert.equal(await sample(subject, 'vllm_router_backends{state="terminating"}'), 1);
});

test('a retired backend takes its series with it, unless another has its URL', async () => {
  const subject = world();
  const { stats, backends } = subject;
  const line = 'vllm_router_attempts_total{server="http://a",model="m"}';
  stats.series('http://a', 'm').dispatched(START).finished(START, 'success');
  backends.push(backend('http://a'));
  stats.retired('http://a');
  assert.equal(await sample(subject, line), 1);
  backends.length = 0;
  stats.retired('http://a');
  assert.equal(await sample(subject, line), undefined);
  assert.ok(!(await stats.metrics()).text.includes('http://a'));
});

test('every metric of ours has a help text and a name that promtool accepts, the old names apart', async () => {
  const families = await page(busy());
  assert.deepEqual(
    [...families.keys()],
    METRICS.map(({ name }) => name),
  );
  for (const family of families.values()) {
    const problems = lint(family);
    if (family.name.startsWith('vllm_router_')) assert.deepEqual(problems, [], family.name);
    else assert.notEqual(family.help, '');
  }
});

test("the process's own metrics come with them", async () => {
  const families = await page(world({ process: true }));
  for (const name of [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'process_start_time_seconds',
    'process_open_fds',
    'process_max_fds',
    'nodejs_eventloop_lag_p99_seconds',
  ]) {
    assert.ok(families.get(name)!.samples.size > 0, name);
  }
});
