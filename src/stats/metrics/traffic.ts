import { type MetricRow, perSeries } from './row.ts';

/** What passes through the router: by client request, and by attempt at a server. */
export const TRAFFIC_METRICS: readonly MetricRow[] = [
  {
    name: 'vllm_router_requests_total',
    type: 'counter',
    help: 'Requests answered, by the status the client got; 499: it left before.',
    labels: ['route', 'model', 'status'],
    collect: (_, stats) => stats.answered.cells,
  },
  {
    name: 'vllm_router_key_requests_total',
    type: 'counter',
    help: 'Requests answered, by the name of the API key they came with.',
    labels: ['key', 'status'],
    collect: (_, stats) => stats.keyRequests.cells,
  },
  {
    name: 'vllm_router_inflight_requests',
    type: 'gauge',
    help: 'Requests open now, those that wait included.',
    labels: ['route'],
    collect: (_, stats) => stats.inflight.cells,
  },
  {
    name: 'vllm_router_queued_requests',
    type: 'gauge',
    help: 'Requests that wait in the router for a backend to become free.',
    labels: ['route', 'model'],
    *collect(view) {
      for (const { route, model, waiting } of view.queues) yield { labels: [route, model], value: waiting };
    },
  },
  perSeries('vllm_router_attempts_total', 'counter', 'Attempts sent to the server.', [], ({ attempts }) => [
    [[], attempts],
  ]),
  perSeries(
    'vllm_router_time_to_first_token_seconds',
    'histogram',
    "Seconds from dispatch to a stream's first event.",
    [],
    ({ ttft }) => [[[], ttft]],
  ),
  perSeries(
    'vllm_router_inter_token_latency_seconds',
    'histogram',
    'Seconds between two reads of a stream.',
    [],
    ({ gaps }) => [[[], gaps]],
  ),
  {
    name: 'vllm_router_upstream_failures_total',
    type: 'counter',
    help: 'Attempts that failed, by reason.',
    labels: ['backend', 'reason'],
    *collect(view) {
      for (const { server, series } of view.servers) {
        const counts = new Map<string, number>();
        for (const { failures } of series) {
          for (const [reason, count] of failures) counts.set(reason, (counts.get(reason) ?? 0) + count);
        }
        for (const [reason, count] of counts) yield { labels: [server, reason], value: count };
      }
    },
  },
  {
    name: 'vllm_router_retries_total',
    type: 'counter',
    help: 'Retries wanted, by what the attempt before failed of and what became of the wish.',
    labels: ['reason', 'result'],
    collect: (_, stats) => stats.retries.cells,
  },
  {
    name: 'vllm_router_legs_total',
    type: 'counter',
    help: 'Halves of requests on disaggregated routes, by role and how they ended: ok, alone, failed or aborted.',
    labels: ['route', 'role', 'result'],
    collect: (_, stats) => stats.legs.cells,
  },
  {
    name: 'vllm_router_stream_terminations_total',
    type: 'counter',
    help: 'Streams cut after their first byte, by the code of the error event.',
    labels: ['reason'],
    collect: (_, stats) => stats.streamTerminations.cells,
  },
  {
    name: 'vllm_router_client_rejects_total',
    type: 'counter',
    help: 'Requests the router answered itself because of what they were, by error code.',
    labels: ['reason'],
    collect: (_, stats) => stats.clientRejects.cells,
  },
];
