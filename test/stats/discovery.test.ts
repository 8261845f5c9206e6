import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backend, world } from './facts.ts';
import { parsePage } from './prometheus-text.ts';

async function samples(stats: ReturnType<typeof world>['stats'], name: string) {
  return Object.fromEntries(parsePage((await stats.metrics()).text).get(name)?.samples ?? []);
}

test('discovery: what a cluster source says, and nothing made up for a static one', async () => {
  const { stats, backends, sources } = world();
  sources.push(
    { name: 'lab', type: 'static', synced: true, lastSyncAge: undefined, troubles: [] },
    { name: 'cluster', type: 'k8s', synced: false, lastSyncAge: 2500, troubles: ['pods: HTTP 403'] },
  );
  backends.push(
    backend('http://a:1'),
    backend('http://b:1', { source: 'cluster', state: 'terminating' }),
    backend('http://c:1', { source: 'cluster', state: 'terminating' }),
  );
  stats.discovery.events.inc('cluster', 'pods', 'ADDED');
  stats.discovery.relists.inc('cluster', 'pods', 'gone');
  stats.discovery.apiErrors.inc('cluster', 'pods', 'watch', '403');
  const expected = {
    backends: { '{source="lab",state="ready"}': 1, '{source="cluster",state="terminating"}': 2 },
    synced: { '{source="lab"}': 1, '{source="cluster"}': 0 },
    last_sync_age_seconds: { '{source="cluster"}': 2.5 },
    troubles: { '{source="cluster"}': 1 },
    events_total: { '{source="cluster",resource="pods",type="ADDED"}': 1 },
    relists_total: { '{source="cluster",resource="pods",reason="gone"}': 1 },
    api_errors_total: { '{source="cluster",resource="pods",verb="watch",code="403"}': 1 },
  };
  for (const [name, series] of Object.entries(expected)) {
    const metric = `vllm_router_discovery_${name}`;
    const named = Object.fromEntries(Object.entries(series).map(([labels, value]) => [metric + labels, value]));
    assert.deepEqual(await samples(stats, metric), named);
  }
  stats.discovery.forget('cluster');
  assert.deepEqual(await samples(stats, 'vllm_router_discovery_events_total'), {});
});
