import type { Backend } from '../backends/backend.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { Secret } from '../config/config.ts';
import { type ErrorCode, RouterError } from '../errors.ts';
import { ClientWriter } from '../proxy/client-writer.ts';
import type { AttemptResult, FailureReason, HeldAnswer } from '../proxy/relay.ts';
import { Attempt } from './attempt.ts';
import type { Route } from './route.ts';
import type { Flag, RoutedRequest } from './routed-request.ts';
import type { Telemetry } from './telemetry.ts';

/** What forwarding needs of the process. */
export interface Forwarding {
  readonly registry: BackendRegistry;
  readonly telemetry: Telemetry;
  /** Monotonic ms. */
  readonly now: () => number;
  readonly random: () => number;
  readonly resolveSecret: (secret: Secret) => string | undefined;
  /** Every attempt that runs, for time-outs and the drain. */
  readonly running: Set<Attempt>;
}

/** A 500 may be a dying engine or a request that kills engines: it gets one more chance, not two. */
const RETRIES_OF_500 = 1;
/** Two engines that died with the same request are enough (vLLM 0.32: one transcription ended the process). */
const MAX_DEATHS = 2;

/**
 * Picks a backend, makes the attempt, and asks again without the backends already tried as long as nothing has reached the client.
 * Ends with an answer sent, or throws the error that the client gets.
 */
export async function forward(routed: RoutedRequest, headerLines: string, deps: Forwarding): Promise<void> {
  const client = new ClientWriter(routed.response);
  const tried: Backend[] = [];
  let deaths = 0;
  let repeats = 0;
  let last: AttemptResult | undefined;
  const route = routed.route!;
  route.retryBudget.request(deps.now());
  for (;;) {
    const backend = pick(routed, route, tried, deps);
    if (backend === undefined) break;
    const attempt = new Attempt(routed, backend, deps);
    last = await run(attempt, client, headerLines, deps);
    tried.push(backend);
    if (last.type === 'left' || last.type === 'streamed' || last.type === 'broken') break;
    if (last.type === 'answered' && !retryable(last.answer, route, repeats)) break;
    // Nothing was sent where no connection was made: such a failure is free, and all backends may be asked.
    if (last.type === 'failed' && (last.reason === 'connect_failed' || last.reason === 'connect_timeout')) continue;
    if (last.type === 'failed') {
      if (last.reason === 'disconnected' && ++deaths >= MAX_DEATHS) throw failure(routed, 'poison_request');
      if (last.reason === 'bad_response' || last.reason === 'total_timeout' || last.reason === 'shutdown') break;
    }
    const reason = last.type === 'failed' ? last.reason : `status_${last.answer.status}`;
    const exhausted = repeats >= route.config.retry.attempts;
    const allowed = !exhausted && route.retryBudget.take(deps.now());
    deps.telemetry.retried(reason, exhausted ? 'exhausted' : allowed ? 'sent' : 'budget');
    if (!allowed) break;
    repeats++;
    if (repeats > 1) await pause(25 + deps.random() * 225);
    if (routed.over) break;
  }
  conclude(routed, client, last);
}

function pick(routed: RoutedRequest, route: Route, tried: readonly Backend[], deps: Forwarding): Backend | undefined {
  const now = deps.now();
  if (routed.pinned !== undefined) {
    return tried.length === 0 && routed.pinned.available(now) ? routed.pinned : undefined;
  }
  const candidates = route.candidates.available(routed.model, tried, now);
  if (candidates.length === 0) return undefined;
  routed.firstCandidates ??= candidates;
  return route.algorithm.pick(candidates, routed, routed.firstCandidates) as Backend | undefined;
}

async function run(
  attempt: Attempt,
  client: ClientWriter,
  headerLines: string,
  deps: Forwarding,
): Promise<AttemptResult> {
  const { response } = attempt.routed;
  const onClose = () => {
    if (!response.writableFinished) attempt.leave();
  };
  response.once('close', onClose);
  deps.running.add(attempt);
  try {
    return await attempt.run(client, headerLines);
  } finally {
    deps.running.delete(attempt);
    response.off('close', onClose);
  }
}

function retryable(answer: HeldAnswer, route: Route, repeats: number): boolean {
  if (answer.status === 500) return repeats < RETRIES_OF_500;
  // A full engine says so with 429, or with 503 of type "Service Unavailable": another may have room.
  if (answer.status === 429) return true;
  return answer.status >= 500 && route.config.retry.statuses.includes(answer.status);
}

/** Sends the last answer, or throws what the client is told instead. */
function conclude(routed: RoutedRequest, client: ClientWriter, last: AttemptResult | undefined): void {
  switch (last?.type) {
    case undefined:
      throw unavailable(routed);
    case 'answered':
      sendAnswer(routed, client, last.answer);
      return;
    case 'streamed':
      return;
    case 'left':
      routed.flag = 'DC';
      return;
    case 'broken':
      routed.flag = FLAGS[last.reason];
      routed.error = last.reason;
      routed.cut = true;
      return;
    case 'failed':
      routed.flag = FLAGS[last.reason];
      throw failure(routed, CODES[last.reason]);
  }
}

function sendAnswer(routed: RoutedRequest, client: ClientWriter, answer: HeldAnswer): void {
  const { status, headers, body } = answer;
  const keyRefused = status === 401 || status === 403;
  if (keyRefused && routed.backend!.spec.apiKey !== undefined) throw failure(routed, 'backend_auth_failed');
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

/** Nobody could be asked at all. */
function unavailable(routed: RoutedRequest): RouterError {
  const known = routed.route!.candidates.all(routed.model).length > 0 || routed.modelSeen;
  routed.flag = known ? 'UH' : 'NR';
  return new RouterError(known ? 'model_unavailable' : 'model_not_found', { model: routed.askedModel });
}

function failure(routed: RoutedRequest, code: ErrorCode): RouterError {
  routed.error = code;
  return new RouterError(code, { model: routed.askedModel });
}

const CODES: Readonly<Record<FailureReason, ErrorCode>> = {
  connect_failed: 'backend_unavailable',
  connect_timeout: 'backend_unavailable',
  disconnected: 'backend_disconnected',
  truncated: 'backend_disconnected',
  moved: 'backend_disconnected',
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
  disconnected: 'UC',
  truncated: 'UC',
  moved: 'UC',
  bad_response: 'UPE',
  first_byte_timeout: 'UT',
  idle_timeout: 'SI',
  total_timeout: 'UT',
  incomplete_stream: 'UC',
  shutdown: 'OM',
};

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
