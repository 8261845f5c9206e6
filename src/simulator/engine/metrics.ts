import type { Core, Sequence } from './core.ts';
import { buckets125, decimal, Histogram } from './histogram.ts';
import type { EngineSettings } from './options.ts';

const SECONDS = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];
const FIRST = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
];
const BETWEEN = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];
const STEP = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];
const REASONS = ['stop', 'length', 'abort', 'error', 'repetition'] as const;

/** `/metrics` of vLLM 0.32.0: names, labels and order of its page; times in seconds. */
export class EngineMetrics {
  private readonly settings: EngineSettings;
  private readonly created = Date.now() / 1000;
  private readonly histograms: Readonly<Record<HistogramName, Histogram>>;
  private readonly finished: Record<(typeof REASONS)[number], number> = {
    stop: 0,
    length: 0,
    abort: 0,
    error: 0,
    repetition: 0,
  };
  private queries = 0;
  private hits = 0;
  private prompts = 0;
  private generated = 0;
  private rejections = 0;

  constructor(settings: EngineSettings) {
    this.settings = settings;
    const tokens = buckets125(settings.maxModelLen);
    this.histograms = {
      request_prompt_tokens: new Histogram(tokens),
      request_generation_tokens: new Histogram(tokens),
      iteration_tokens_total: new Histogram(STEP),
      request_max_num_generation_tokens: new Histogram(tokens),
      request_params_n: new Histogram([1, 2, 5, 10, 20]),
      request_params_max_tokens: new Histogram(tokens),
      time_to_first_token_seconds: new Histogram(FIRST),
      inter_token_latency_seconds: new Histogram(BETWEEN),
      request_time_per_output_token_seconds: new Histogram(BETWEEN),
      e2e_request_latency_seconds: new Histogram(SECONDS),
      request_queue_time_seconds: new Histogram(SECONDS),
      request_inference_time_seconds: new Histogram(SECONDS),
      request_prefill_time_seconds: new Histogram(SECONDS),
      request_decode_time_seconds: new Histogram(SECONDS),
      request_num_preemptions: new Histogram([1, 2, 5, 10, 20, 50]),
      request_prefill_kv_computed_tokens: new Histogram(tokens),
    };
  }

  admitted(sequence: Sequence): void {
    this.queries += sequence.prompt.tokens;
    this.hits += sequence.cached;
  }

  stepped(tokens: number): void {
    this.generated += tokens;
    this.histograms.iteration_tokens_total.observe(tokens);
  }

  rejected(): void {
    this.rejections++;
  }

  ended(sequence: Sequence): void {
    const { histograms: h } = this;
    const now = performance.now();
    const { arrived, started, firstToken, lastToken, generated, prompt, cached, limit } = sequence;
    const first = firstToken || now;
    this.prompts += prompt.tokens;
    // The first token comes out of the prefill, not out of a step.
    this.generated += Math.min(1, generated);
    this.finished[limit > 0 ? 'length' : 'stop']++;
    h.request_prompt_tokens.observe(prompt.tokens);
    h.request_generation_tokens.observe(generated);
    h.request_max_num_generation_tokens.observe(generated);
    h.request_params_n.observe(1);
    h.request_params_max_tokens.observe(limit);
    h.request_prefill_kv_computed_tokens.observe(prompt.tokens - cached);
    h.request_num_preemptions.observe(0);
    h.time_to_first_token_seconds.observe((first - arrived) / 1000);
    h.request_queue_time_seconds.observe((started - arrived) / 1000);
    h.request_prefill_time_seconds.observe((first - started) / 1000);
    h.request_inference_time_seconds.observe((now - started) / 1000);
    h.e2e_request_latency_seconds.observe((now - arrived) / 1000);
    if (generated > 1) {
      const decode = (lastToken - first) / 1000;
      h.request_decode_time_seconds.observe(decode);
      h.request_time_per_output_token_seconds.observe(decode / (generated - 1));
      // vLLM observes every gap; the mean of a request's gaps, as often, has the same sum and count.
      for (let i = 1; i < generated; i++) h.inter_token_latency_seconds.observe(decode / (generated - 1));
    }
  }

  page(core: Core, sleepLevel: number, loras: readonly string[]): string {
    const labels = `model_name="${escapeLabel(this.settings.models[0]!)}"`;
    let text = '';
    const head = (name: string, type: string, help: string): void => {
      text += `# HELP vllm:${name} ${help}\n# TYPE vllm:${name} ${type}\n`;
    };
    const gauge = (name: string, value: number, help: string): void => {
      head(name, 'gauge', help);
      text += `vllm:${name}{engine="0",${labels}} ${decimal(value)}\n`;
    };
    const counter = (
      name: string,
      help: string,
      values: readonly (readonly [extra: string, value: number])[],
    ): void => {
      const line = (full: string, extra: string, value: string): string => {
        const before = extra.startsWith('finished_reason') ? `${extra},` : '';
        const after = extra === '' || before !== '' ? '' : `,${extra}`;
        return `vllm:${full}{engine="0",${before}${labels}${after}} ${value}\n`;
      };
      head(`${name}_total`, 'counter', help);
      for (const [extra, value] of values) text += line(`${name}_total`, extra, decimal(value));
      head(`${name}_created`, 'gauge', help);
      for (const [extra] of values) text += line(`${name}_created`, extra, String(this.created));
    };
    const one = (value: number) => [['', value]] as const;
    for (const what of ['flops', 'read_bytes', 'write_bytes']) {
      counter(`estimated_${what}_per_gpu`, `Estimated ${what} (for Model Flops Utilization calculations).`, one(0));
    }
    gauge('num_requests_running', core.running, 'Number of requests in model execution batches.');
    gauge('num_requests_waiting', core.waiting, 'Number of requests waiting to be processed.');
    head('num_requests_waiting_by_reason', 'gauge', 'Number of waiting requests by reason.');
    text += `vllm:num_requests_waiting_by_reason{engine="0",${labels},reason="capacity"} ${decimal(core.waiting)}\n`;
    text += `vllm:num_requests_waiting_by_reason{engine="0",${labels},reason="deferred"} 0.0\n`;
    head('engine_sleep_state', 'gauge', 'Engine sleep state; awake = 1 means engine is awake.');
    for (const [level, state] of ['awake', 'weights_offloaded', 'discard_all'].entries()) {
      text += `vllm:engine_sleep_state{engine="0",${labels},sleep_state="${state}"} ${decimal(sleepLevel === level ? 1 : 0)}\n`;
    }
    gauge('kv_cache_usage_perc', core.kvUsage, 'KV-cache usage. 1 means 100 percent usage.');
    counter('prefix_cache_queries', 'Prefix cache queries, in terms of number of queried tokens.', one(this.queries));
    counter('prefix_cache_hits', 'Prefix cache hits, in terms of number of cached tokens.', one(this.hits));
    counter('external_prefix_cache_queries', 'External prefix cache queries, in tokens.', one(0));
    counter('external_prefix_cache_hits', 'External prefix cache hits, in tokens.', one(0));
    counter('mm_cache_queries', 'Multi-modal cache queries, in terms of number of queried items.', one(0));
    counter('mm_cache_hits', 'Multi-modal cache hits, in terms of number of cached items.', one(0));
    counter('num_preemptions', 'Cumulative number of preemption from the engine.', one(0));
    counter('prompt_tokens', 'Number of prefill tokens processed.', one(this.prompts));
    counter('prompt_tokens_by_source', 'Number of prompt tokens by source.', [
      ['source="local_compute"', this.queries - this.hits],
      ['source="local_cache_hit"', this.hits],
      ['source="external_kv_transfer"', 0],
    ]);
    counter('prompt_tokens_cached', 'Number of cached prompt tokens (local + external).', one(this.hits));
    counter('prompt_tokens_cached_by_source', 'Prefix-cache hit tokens by the cache tier that supplied them.', [
      ['source="device"', this.hits],
      ...['host', 'p2p', 'disk', 'external_unspecified'].map((source) => [`source="${source}"`, 0] as const),
    ]);
    counter('generation_tokens', 'Number of generation tokens processed.', one(this.generated));
    counter(
      'request_success',
      'Count of successfully processed requests.',
      REASONS.map((reason) => [`finished_reason="${reason}"`, this.finished[reason]] as const),
    );
    const rejections = 'Number of admission attempts rejected by a queue limit, by reason.';
    head('admission_rejections_total', 'counter', rejections);
    text += `vllm:admission_rejections_total{${labels},reason="max_num_queued_reqs"} ${decimal(this.rejections)}\n`;
    text += `vllm:admission_rejections_total{${labels},reason="max_num_queued_tokens"} 0.0\n`;
    head('admission_rejections_created', 'gauge', rejections);
    text += `vllm:admission_rejections_created{${labels},reason="max_num_queued_reqs"} ${this.created}\n`;
    for (const [name, histogram] of Object.entries(this.histograms)) {
      head(name, 'histogram', `Histogram of ${name}.`);
      text += histogram.lines(`vllm:${name}`, labels);
      head(`${name}_created`, 'gauge', `Histogram of ${name}.`);
      text += `vllm:${name}_created{engine="0",${labels}} ${this.created}\n`;
    }
    head('cache_config_info', 'gauge', 'Information of the LLMEngine CacheConfig');
    const { blockSize, cacheBlocks } = this.settings;
    text +=
      `vllm:cache_config_info{_block_size_resolved="True",block_size="${blockSize}",cache_dtype="auto",` +
      `effective_attention_block_size="${blockSize}",enable_prefix_caching="${cacheBlocks > 0 ? 'True' : 'False'}",engine="0",` +
      `kv_cache_size_tokens="${cacheBlocks * blockSize}",num_cpu_blocks="None",num_gpu_blocks="${cacheBlocks}",` +
      `prefix_caching_hash_algo="sha256",sliding_window="None"} 1.0\n`;
    if (this.settings.loras !== undefined) {
      const names = escapeLabel(loras.join(','));
      head('lora_requests_info', 'gauge', 'Running stats on lora requests.');
      text +=
        `vllm:lora_requests_info{max_lora="4",running_lora_adapters="${names}",` +
        `waiting_lora_adapters="${names}"} ${decimal(Math.floor(Date.now() / 1000))}\n`;
    }
    return text;
  }
}

type HistogramName =
  | 'request_prompt_tokens'
  | 'request_generation_tokens'
  | 'iteration_tokens_total'
  | 'request_max_num_generation_tokens'
  | 'request_params_n'
  | 'request_params_max_tokens'
  | 'time_to_first_token_seconds'
  | 'inter_token_latency_seconds'
  | 'request_time_per_output_token_seconds'
  | 'e2e_request_latency_seconds'
  | 'request_queue_time_seconds'
  | 'request_inference_time_seconds'
  | 'request_prefill_time_seconds'
  | 'request_decode_time_seconds'
  | 'request_num_preemptions'
  | 'request_prefill_kv_computed_tokens';

function escapeLabel(label: string): string {
  return label.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
