import type { Backend } from '../backends/backend.ts';
import type { ModelCard } from '../backends/backend-spec.ts';
import type { NameMatcher } from '../pipeline/glob.ts';

/** A model as clients see it: the engine's own entry, from the first backend (by URL) that serves it; only those it may use. */
export function listModels(backends: readonly Backend[], mayUse: NameMatcher = () => true): ModelCard[] {
  const cards = new Map<string, ModelCard>();
  for (const backend of backends) {
    if (!backend.assignable || backend.unhealthy) continue;
    for (const card of backend.spec.models) if (!cards.has(card.id) && mayUse(card.id)) cards.set(card.id, shown(card));
  }
  return [...cards.values()];
}

/** SDKs read `object`, `created` and `owned_by`; the original always had `root` and `parent` too. */
function shown(card: ModelCard): ModelCard {
  return { object: 'model', created: 0, owned_by: 'vllm', root: null, parent: null, ...card };
}
