import type { Backend } from '../../backends/backend.ts';
import { editMembers } from '../../proxy/json-edit.ts';
import type { BackendNews } from '../learn.ts';
import { Leg, type Prepare, type TryBackends } from '../leg.ts';
import type { Roles } from '../route.ts';
import type { RoutedRequest } from '../routed-request.ts';
import { handedOver } from './handover.ts';
import { prefillBody } from './prefill-body.ts';

/** Backends about which it has been said that they hand nothing over. */
const warned = new WeakSet<Backend>();

/**
 * Serves a request in two legs: a prefill backend computes the prompt, then a decode backend, which gets the original and what was
 * handed over, answers the client. Each leg fails over among its own backends.
 *
 * What was handed over can be fetched once: vLLM's prefill engine frees the blocks when they have been read, or when a decode engine
 * has turned the request down, and reading them again would give garbage. So a decode attempt that reached its backend costs
 * another prefill before the next one; where engines share a cache (`max-tokens`) it does not.
 *
 * True when the result is final, false when another route may try.
 */
export async function serveInRoles(
  routed: RoutedRequest,
  roles: Roles,
  leg: Leg,
  tryBackends: TryBackends,
  news: BackendNews,
): Promise<boolean> {
  const body = prefillBody(routed.path, routed.members, roles.form);
  if (body === undefined) return tryBackends(roles.decode, leg);
  const prefill = new Leg(false, body);
  let prefilled = false;
  const prepare: Prepare = async () => {
    if (prefilled && (roles.form === 'max-tokens' || isUntouched(leg))) return 'ready';
    prefill.restart();
    const over = await tryBackends(roles.prefill, prefill);
    const { last } = prefill;
    if (last?.type !== 'answered' || last.answer.status >= 300) {
      leg.endAs(prefill);
      return over ? 'over' : 'unready';
    }
    const backend = prefill.tried.pop()!;
    prefilled = true;
    if (roles.form === 'max-tokens') return 'ready';
    const params = handedOver(last.answer.body, backend.url);
    if (params !== undefined) {
      leg.body = editMembers(routed.members!, { kv_transfer_params: params });
      return 'ready';
    }
    // The decode backend computes the prompt itself, then: slow, and right.
    leg.body = routed.body;
    if (!warned.has(backend)) news.warn(backend, 'the backend answers prefill without kv_transfer_params');
    warned.add(backend);
    return 'ready';
  };
  try {
    return await tryBackends(roles.decode, leg, prepare);
  } finally {
    leg.body = routed.body;
  }
}

/** No decode backend has seen what was handed over. */
function isUntouched({ last }: Leg): boolean {
  return last?.type === 'failed' && (last.reason === 'connect_failed' || last.reason === 'connect_timeout');
}
