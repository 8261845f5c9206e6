import { OUTCOMES } from '../series.ts';
import { type MetricRow, perSeries, perServer, seconds, single } from './row.ts';

/**
 * The original router's names, for the dashboards, alerts and autoscalers that people have. Where the original's value
 * was constant or wrong, this is the true one; where nothing was measured in the window, there is no sample.
 */
export const LEGACY_METRICS: readonly MetricRow[] = [
  perServer('vllm:current_qps', 'gauge', 'Attempts per second sent to the server, over the window.', (server) => {
    return server.summary.qps;
  }),
  perServer('vllm:num_requests_running', 'gauge', "This router's requests now at the server.", ({ summary }) => {
    return summary.prefill + summary.decoding;
  }),
  {
    name: 'vllm:num_requests_waiting',
    type: 'gauge',
    help: 'Requests waiting in this router: by model for any server, and by server those for it alone, which it has none of.',
    labels: ['server', 'model'],
    *collect(view) {
      for (const { server } of view.servers) yield { labels: [server, ''], value: 0 };
      const models = new Map<string, number>();
      for (const { model, waiting } of view.queues) models.set(model, (models.get(model) ?? 0) + waiting);
      for (const [model, waiting] of models) yield { labels: ['', model], value: waiting };
    },
  },
  perServer('vllm:num_prefill_requests', 'gauge', 'Requests at the server that await their first token.', (server) => {
    return server.summary.prefill;
  }),
  perServer('vllm:num_decoding_requests', 'gauge', 'Requests at the server whose answer is streaming.', (server) => {
    return server.summary.decoding;
  }),
  perServer('vllm:num_requests_swapped', 'gauge', 'Requests swapped out; zero, for vLLM V1 has no swapping.', () => 0),
  perServer(
    'vllm:avg_latency',
    'gauge',
    'Mean seconds from dispatch to the end of answers, over the window.',
    (server) => {
      return seconds(server.summary.latency);
    },
  ),
  perServer('vllm:avg_itl', 'gauge', 'Mean seconds between two reads of a stream, over the window.', (server) => {
    return seconds(server.summary.interToken);
  }),
  perServer(
    'vllm:avg_decoding_length',
    'gauge',
    'Mean seconds from the first token to the end of a stream, over the window.',
    (server) => seconds(server.summary.decode),
  ),
  perServer('vllm:healthy_pods_total', 'gauge', 'Whether the server may get requests: 1 or 0.', ({ backends }) => {
    return backends.some(({ healthy }) => healthy) ? 1 : 0;
  }),
  perServer(
    'vllm:gpu_prefix_cache_hit_rate',
    'gauge',
    "Share of prompt tokens found in the engine's prefix cache since its start, as of the last scrape.",
    ({ backends }) => {
      const { prefixHits, prefixQueries } = backends.at(-1)?.engine ?? {};
      return prefixHits === undefined || !prefixQueries ? undefined : prefixHits / prefixQueries;
    },
  ),
  perServer(
    'vllm:gpu_prefix_cache_hits_total',
    'counter',
    "Prompt tokens found in the engine's prefix cache, as of the last scrape.",
    ({ backends }) => backends.at(-1)?.engine?.prefixHits,
  ),
  perServer(
    'vllm:gpu_prefix_cache_queries_total',
    'counter',
    "Prompt tokens looked up in the engine's prefix cache, as of the last scrape.",
    ({ backends }) => backends.at(-1)?.engine?.prefixQueries,
  ),
  {
    name: 'vllm:num_incoming_requests_total',
    type: 'counter',
    help: 'Requests read, those refused as well; names that nobody serves are counted under "unknown".',
    labels: ['model'],
    collect: (_, stats) => stats.incoming.cells,
  },
  perSeries('vllm:input_tokens_total', 'counter', "Prompt tokens, by the engine's usage.", [], (series) => [
    [[], series.promptTokens],
  ]),
  perSeries('vllm:output_tokens_total', 'counter', "Generated tokens, by the engine's usage.", [], (series) => [
    [[], series.completionTokens],
  ]),
  perSeries(
    'vllm:request_errors_total',
    'counter',
    'Attempts that failed, by reason.',
    ['error_type'],
    function* ({ failures }) {
      for (const [reason, count] of failures) yield [[reason], count];
    },
  ),
  perSeries(
    'vllm:request_latency_seconds',
    'histogram',
    'Seconds from dispatch to the end of the answer, by how it ended: success, error or aborted (the client left).',
    ['status'],
    function* ({ latency }) {
      for (const outcome of OUTCOMES) {
        const histogram = latency[outcome];
        if (histogram !== undefined) yield [[outcome], histogram];
      }
    },
  ),
  single('router_cpu_usage_percent', 'gauge', 'CPU use of the machine since the last scrape.', (stats) =>
    stats.host.cpu(),
  ),
  single('router_memory_usage_percent', 'gauge', 'Memory use of the machine.', (stats) => stats.host.memory()),
  single('router_disk_usage_percent', 'gauge', 'Use of the root file system.', (stats) => stats.host.disk()),
];
