import type { EngineStats } from '../facts.ts';
import { type MetricRow, perServer } from './row.ts';

/** What the engines say of themselves, as of the last scrape; no sample when that is too old. */
export const ENGINE_METRICS: readonly MetricRow[] = [
  engine('running_requests', 'gauge', 'Requests in execution batches.', ({ running }) => running),
  engine('waiting_requests', 'gauge', 'Requests in the queue.', ({ waiting }) => waiting),
  engine('kv_cache_usage_ratio', 'gauge', 'KV cache in use, 0 to 1, mean of the ranks.', ({ kvUsage }) => kvUsage),
  engine('sleeping', 'gauge', 'Whether the engine sleeps: 1 or 0.', ({ sleeping }) =>
    sleeping === undefined ? undefined : Number(sleeping),
  ),
  perServer(
    'vllm_router_engine_scrape_age_seconds',
    'gauge',
    "Seconds since the engine's metrics were last read.",
    ({ backends }, { now }) => {
      const at = backends.at(-1)?.engine?.scrapedAt;
      return at === undefined ? undefined : (now - at) / 1000;
    },
  ),
  perServer(
    'vllm_router_engine_scrape_failures_total',
    'counter',
    "Scrapes of the engine's metrics that failed.",
    ({ backends }) => backends.at(-1)?.scrapeFailures,
  ),
];

function engine(
  name: string,
  type: 'gauge' | 'counter',
  help: string,
  value: (stats: EngineStats) => number | undefined,
): MetricRow {
  return perServer(`vllm_router_engine_${name}`, type, help, ({ backends }) => {
    const stats = backends.at(-1)?.engine;
    return stats && value(stats);
  });
}
