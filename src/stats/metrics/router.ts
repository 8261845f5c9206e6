import { droppedLogBytes } from '../../log-sink.ts';
import { type MetricRow, perServer, single } from './row.ts';

/** The router itself: its config, its age, its backends' states. */
export const ROUTER_METRICS: readonly MetricRow[] = [
  {
    name: 'vllm_router_build_info',
    type: 'gauge',
    help: 'Versions; the value is 1.',
    labels: ['version', 'node'],
    collect: (_, { version }) => [{ labels: [version, process.version], value: 1 }],
  },
  single('vllm_router_uptime_seconds', 'gauge', 'Seconds since the router started.', (stats, view) => {
    return (view.now - stats.startedAt) / 1000;
  }),
  single(
    'vllm_router_config_last_reload_successful',
    'gauge',
    'Whether the last attempt to load the config worked: 1 or 0.',
    ({ config }) => config && Number(config.ok),
  ),
  single(
    'vllm_router_config_last_reload_success_timestamp_seconds',
    'gauge',
    'When the config that applies was put into force, Unix time.',
    ({ config }) => config && config.at / 1000,
  ),
  {
    name: 'vllm_router_config_reloads_total',
    type: 'counter',
    help: 'Reloads by result: applied, unchanged or rejected.',
    labels: ['result'],
    collect: (_, stats) => stats.reloads.cells,
  },
  {
    name: 'vllm_router_config_info',
    type: 'gauge',
    help: 'Hash and format version of the config that applies; the value is 1.',
    labels: ['hash', 'version'],
    collect: (_, { config }) => (config === undefined ? [] : [{ labels: [config.hash, config.version], value: 1 }]),
  },
  single(
    'vllm_router_log_dropped_bytes_total',
    'counter',
    'Bytes of log lines that were thrown away: nobody read them, or the disk was full.',
    droppedLogBytes,
  ),
  {
    name: 'vllm_router_trace_spans_total',
    type: 'counter',
    help: 'Spans of traces by what became of them: exported, dropped (no room), failed (not delivered) or rejected by the collector.',
    labels: ['result'],
    collect: (_, { traceSpans }) => traceSpans.cells,
  },
  {
    name: 'vllm_router_backends',
    type: 'gauge',
    help: 'Backends listed, by state.',
    labels: ['state'],
    *collect(view) {
      const counts = new Map<string, number>();
      for (const { backends } of view.servers) {
        for (const { state } of backends) counts.set(state, (counts.get(state) ?? 0) + 1);
      }
      for (const [state, count] of counts) yield { labels: [state], value: count };
    },
  },
  {
    name: 'vllm_router_backend_state',
    type: 'gauge',
    help: 'The state a backend is in; the value is 1.',
    labels: ['server', 'state'],
    *collect(view) {
      for (const { server, backends } of view.servers) {
        for (const state of new Set(backends.map((backend) => backend.state))) {
          yield { labels: [server, state], value: 1 };
        }
      }
    },
  },
  perServer(
    'vllm_router_backend_uptime_seconds',
    'gauge',
    'Seconds since the backend was first seen.',
    ({ backends }, { now }) => {
      const since = backends.at(-1)?.since;
      return since === undefined ? undefined : (now - since) / 1000;
    },
  ),
];
