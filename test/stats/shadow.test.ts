import assert from 'node:assert/strict';
import { test } from 'node:test';
import { world } from './facts.ts';

test('shadows: what each algorithm picked, by route', async () => {
  const { stats, shadows } = world();
  shadows.push(
    { route: 'chat', algorithm: 'live', picks: 10, agreed: 10, promptBytes: 4_000, cachedBytes: 1_000 },
    { route: 'chat', algorithm: 'prefix-aware', picks: 10, agreed: 4, promptBytes: 4_000, cachedBytes: 3_000 },
  );
  const { text } = await stats.metrics();
  const samples = text.split('\n').filter((line) => line.startsWith('vllm_router_shadow_'));
  assert.deepEqual(samples, [
    'vllm_router_shadow_picks_total{route="chat",algorithm="live"} 10',
    'vllm_router_shadow_picks_total{route="chat",algorithm="prefix-aware"} 10',
    'vllm_router_shadow_agreements_total{route="chat",algorithm="live"} 10',
    'vllm_router_shadow_agreements_total{route="chat",algorithm="prefix-aware"} 4',
    'vllm_router_shadow_prompt_bytes_total{route="chat",algorithm="live"} 4000',
    'vllm_router_shadow_prompt_bytes_total{route="chat",algorithm="prefix-aware"} 4000',
    'vllm_router_shadow_cached_bytes_total{route="chat",algorithm="live"} 1000',
    'vllm_router_shadow_cached_bytes_total{route="chat",algorithm="prefix-aware"} 3000',
  ]);
});
