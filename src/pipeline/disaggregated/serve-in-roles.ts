import type { Backend } from '../../backends/backend.ts';
import type { AttemptResult, FailureReason, HeldAnswer } from '../../proxy/attempt-result.ts';
import { editMembers } from '../../proxy/json-edit.ts';
import { ABORTED, type BackendNews, failureOf } from '../learn.ts';
import { Leg, type Prepare, type TryBackends } from '../leg.ts';
import type { Roles } from '../route.ts';
import type { RoutedRequest } from '../routed-request.ts';
import type { Telemetry } from '../telemetry.ts';
import { handedOver } from './handover.ts';
import { prefillBody } from './prefill-body.ts';

export interface RoleDeps extends BackendNews {
  readonly telemetry: Telemetry;
}

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
  deps: RoleDeps,
): Promise<boolean> {
  const { route, form } = roles;
  const prefill = prefillLeg(routed, form);
  if (prefill === undefined) return tryBackends(roles.decode, leg);
  let began = false;
  const prepare: Prepare = async () => {
    if (began && (form === 'max-tokens' || isUntouched(leg))) return 'ready';
    prefill.restart();
    if (prefill.body.length === 0) prefill.body = prefillBody(routed.path, routed.members, form)!;
    const over = await tryBackends(roles.prefill, prefill);
    // A copy of all that came, for minutes perhaps: it is made again should another prefill be needed.
    prefill.dropBody();
    const answer = successOf(prefill.last);
    if (answer === undefined) {
      deps.telemetry.leg(route, 'prefill', resultOf(prefill.last));
      began = false;
      leg.endAs(prefill);
      return over ? 'over' : 'unready';
    }
    began = true;
    // It may be asked again.
    const backend = prefill.tried.pop()!;
    const params = form === 'kv-transfer' ? handedOver(Buffer.from(answer.body, 'latin1'), backend.url) : undefined;
    leg.prefilled = form === 'max-tokens' || params !== undefined;
    leg.body = params === undefined ? routed.body : editMembers(routed.members!, { kv_transfer_params: params });
    deps.telemetry.leg(route, 'prefill', leg.prefilled ? 'ok' : 'alone');
    if (!leg.prefilled && !warned.has(backend)) {
      warned.add(backend);
      deps.warn(backend, 'the backend answers prefill without kv_transfer_params');
    }
    return 'ready';
  };
  try {
    return await tryBackends(roles.decode, leg, prepare);
  } finally {
    if (began) deps.telemetry.leg(route, 'decode', resultOf(leg.last));
    leg.prefilled = false;
    leg.body = routed.body;
  }
}

/** Undefined for a request that is not to be split. */
function prefillLeg(routed: RoutedRequest, form: Roles['form']): Leg | undefined {
  // Not made by the caller: while it waits, V8 keeps what it has handed to a function.
  const body = prefillBody(routed.path, routed.members, form);
  return body && new Leg(false, body);
}

const NOTHING_SENT: ReadonlySet<FailureReason> = new Set(['connect_failed', 'connect_timeout', 'no_socket']);

/** No decode backend has seen what was handed over. */
function isUntouched({ last }: Leg): boolean {
  return last?.type === 'failed' && NOTHING_SENT.has(last.reason);
}

function successOf(last: AttemptResult | undefined): HeldAnswer | undefined {
  return last?.type === 'answered' && last.answer.status < 300 ? last.answer : undefined;
}

function resultOf(last: AttemptResult | undefined): 'ok' | 'failed' | 'aborted' {
  if (last === undefined) return 'failed';
  const failure = failureOf(last);
  return failure === undefined ? 'ok' : failure === ABORTED ? 'aborted' : 'failed';
}
