import type { Backend } from '../backends/backend.ts';
import { type ErrorCode, RouterError } from '../errors.ts';
import type { FailureReason, HeldAnswer } from '../proxy/attempt-result.ts';
import { brokenStreamCode } from '../proxy/broken-stream.ts';
import type { ClientWriter } from '../proxy/client-writer.ts';
import type { Candidates } from './candidates.ts';
import type { Leg } from './leg.ts';
import type { Role } from './route.ts';
import type { Flag, RoutedRequest } from './routed-request.ts';
import { isWrongKind } from './verdict.ts';

/** Sends the last answer, or throws what the client is told instead. */
export function conclude(routed: RoutedRequest, client: ClientWriter, { last, lastBackend, role }: Leg): void {
  switch (last?.type) {
    case undefined:
      throw unavailable(routed, role);
    case 'answered':
      sendAnswer(routed, client, last.answer, lastBackend!);
      return;
    case 'streamed':
      return;
    case 'left':
      routed.flag = 'DC';
      return;
    case 'broken':
      routed.flag = FLAGS[last.reason];
      routed.error = brokenStreamCode(last.reason);
      routed.cut = true;
      return;
    case 'failed':
      routed.flag = FLAGS[last.reason];
      throw failure(routed, inRole(CODES[last.reason], role));
  }
}

export function failure(routed: RoutedRequest, code: ErrorCode): RouterError {
  routed.error = code;
  return new RouterError(code, { model: routed.askedModel, path: routed.path });
}

/** Nobody could be asked at all. */
function unavailable(routed: RoutedRequest, role: Role | undefined): RouterError {
  const { candidates } = routed.route!;
  const known = candidates.all(routed.model).length > 0 || routed.modelSeen;
  const code = codeWithoutBackend(known, candidates, role);
  routed.flag = code === 'model_not_found' ? 'NR' : 'UH';
  return failure(routed, code);
}

/**
 * What a client gets when no backend could be asked. `known`: some backend serves the model, or did; `candidates`: of the route that
 * matches; `role`: of the last route tried. SDKs do not repeat a 404, and a router that starts before its engines had one for everybody.
 */
export function codeWithoutBackend(known: boolean, candidates: Candidates, role: Role | undefined): ErrorCode {
  if (known) return inRole('model_unavailable', role);
  return candidates.unsettled ? 'models_unknown' : 'model_not_found';
}

/** Which half of the route is missing is what its operators want to know first. */
function inRole(code: ErrorCode, role: Role | undefined): ErrorCode {
  if (role === undefined || (code !== 'model_unavailable' && code !== 'backend_unavailable')) return code;
  return role === 'prefill' ? 'prefill_unavailable' : 'decode_unavailable';
}

function sendAnswer(routed: RoutedRequest, client: ClientWriter, answer: HeldAnswer, backend: Backend): void {
  const { status, headers, body } = answer;
  const keyRefused = status === 401 || status === 403;
  if (keyRefused && backend.spec.apiKey !== undefined) throw failure(routed, 'backend_auth_failed');
  // SDKs show `{"detail":"Not Found"}` as "404 status code (no body)".
  if (isWrongKind(answer)) throw failure(routed, 'endpoint_not_served');
  if (answer.retryAfter === undefined && (status === 503 || status === 429)) headers.list.push('retry-after', '1');
  else if (answer.retryAfter !== undefined) limitRetryAfter(headers.list);
  routed.bytes += body.length;
  client.sendWhole(status, headers, body);
}

/** Official SDKs sleep for as long as they are told; five minutes of that is an outage. */
function limitRetryAfter(list: string[]): void {
  for (let index = 0; index < list.length; index += 2) {
    if (list[index]!.toLowerCase() === 'retry-after' && !(Number(list[index + 1]) <= 5)) list[index + 1] = '5';
  }
}

const CODES: Readonly<Record<FailureReason, ErrorCode>> = {
  connect_failed: 'backend_unavailable',
  connect_timeout: 'backend_unavailable',
  no_socket: 'overloaded',
  disconnected: 'backend_disconnected',
  truncated: 'backend_disconnected',
  moved: 'backend_disconnected',
  unreachable: 'backend_unavailable',
  bad_response: 'bad_upstream_response',
  first_byte_timeout: 'upstream_timeout',
  idle_timeout: 'upstream_timeout',
  total_timeout: 'upstream_timeout',
  incomplete_stream: 'incomplete_stream',
  shutdown: 'server_shutting_down',
};

const FLAGS: Readonly<Record<FailureReason, Flag>> = {
  connect_failed: 'UF',
  connect_timeout: 'UF',
  no_socket: 'OM',
  disconnected: 'UC',
  truncated: 'UC',
  moved: 'UC',
  unreachable: 'UF',
  bad_response: 'UPE',
  first_byte_timeout: 'UT',
  idle_timeout: 'SI',
  total_timeout: 'UT',
  incomplete_stream: 'UC',
  shutdown: 'OM',
};
