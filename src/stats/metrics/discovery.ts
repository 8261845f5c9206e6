import type { SourceFacts } from '../facts.ts';
import type { MetricRow } from './row.ts';

/** How the sources are doing, by their names in the config. */
export const DISCOVERY_METRICS: readonly MetricRow[] = [
  {
    name: 'vllm_router_discovery_backends',
    type: 'gauge',
    help: 'Backends listed, by source and state.',
    labels: ['source', 'state'],
    *collect(view) {
      const counts = new Map<string, { readonly labels: readonly string[]; value: number }>();
      for (const { backends } of view.servers) {
        for (const { source, state } of backends) {
          const key = `${source}\0${state}`;
          const count = counts.get(key);
          if (count === undefined) counts.set(key, { labels: [source, state], value: 1 });
          else count.value++;
        }
      }
      yield* counts.values();
    },
  },
  perSource('synced', 'Whether the source has listed its backends at least once: 1 or 0.', ({ synced }) =>
    Number(synced),
  ),
  perSource(
    'last_sync_age_seconds',
    'Seconds since the API server last said something, of the watch that waits longest.',
    ({ lastSyncAge }) => lastSyncAge && lastSyncAge / 1000,
  ),
  perSource(
    'troubles',
    'What is wrong now: watches that do not work, backends that there is no room for.',
    ({ lastSyncAge, troubles }) => (lastSyncAge === undefined && troubles.length === 0 ? undefined : troubles.length),
  ),
  {
    name: 'vllm_router_discovery_events_total',
    type: 'counter',
    help: 'Events of watches.',
    labels: ['source', 'resource', 'type'],
    collect: (_, { discovery }) => discovery.events.cells,
  },
  {
    name: 'vllm_router_discovery_relists_total',
    type: 'counter',
    help: 'Complete lists, by the reason why they were made.',
    labels: ['source', 'resource', 'reason'],
    collect: (_, { discovery }) => discovery.relists.cells,
  },
  {
    name: 'vllm_router_discovery_api_errors_total',
    type: 'counter',
    help: 'Calls to the API server that failed, by status or by where they broke.',
    labels: ['source', 'resource', 'verb', 'code'],
    collect: (_, { discovery }) => discovery.apiErrors.cells,
  },
];

function perSource(name: string, help: string, value: (source: SourceFacts) => number | undefined): MetricRow {
  return {
    name: `vllm_router_discovery_${name}`,
    type: 'gauge',
    help,
    labels: ['source'],
    *collect({ sources }) {
      for (const source of sources) {
        const number = value(source);
        if (number !== undefined) yield { labels: [source.name], value: number };
      }
    },
  };
}
