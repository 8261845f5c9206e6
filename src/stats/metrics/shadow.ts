import type { ShadowFacts } from '../facts.ts';
import type { MetricRow } from './row.ts';

function perShadow(name: string, help: string, value: (shadow: ShadowFacts) => number): MetricRow {
  return {
    name,
    type: 'counter',
    help,
    labels: ['route', 'algorithm'],
    *collect(view) {
      for (const shadow of view.shadows) yield { labels: [shadow.route, shadow.algorithm], value: value(shadow) };
    },
  };
}

/** What other algorithms would have done with the requests of routes that have a `shadow`. */
export const SHADOW_METRICS: readonly MetricRow[] = [
  perShadow('vllm_router_shadow_picks_total', 'Requests for which the algorithm has picked.', ({ picks }) => picks),
  perShadow(
    'vllm_router_shadow_agreements_total',
    'Requests that the algorithm would have sent where they went.',
    ({ agreed }) => agreed,
  ),
  perShadow(
    'vllm_router_shadow_prompt_bytes_total',
    'Bytes of the prompts of those requests.',
    ({ promptBytes }) => promptBytes,
  ),
  perShadow(
    'vllm_router_shadow_cached_bytes_total',
    'Bytes of them that would have been cached where the algorithm would have sent them.',
    ({ cachedBytes }) => cachedBytes,
  ),
];
