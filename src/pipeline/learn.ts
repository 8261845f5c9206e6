import type { Backend } from '../backends/backend.ts';
import type { Dispatch, Outcome } from '../backends/breaker.ts';
import type { RouteConfig } from '../config/config.ts';
import type { AttemptResult, HeldAnswer } from '../proxy/attempt-result.ts';
import { isAdmission, isDraining, lacksModel } from './verdict.ts';

/** A backend that asks to be left alone is, but not for longer than this; ms. */
const MAX_COOL = 60_000;

/** What an attempt's end says of its backend, for whoever watches over backends. */
export interface BackendNews {
  /** Its breaker has opened, until `until` (monotonic ms). `reason`: what the last of its requests failed of, as metrics name it. */
  readonly ejected: (backend: Backend, reason: string, until: number) => void;
  /** Its breaker has closed. */
  readonly readmitted: (backend: Backend) => void;
  readonly warn: (backend: Backend, message: string) => void;
  /** It does not have what it was listed with: its models should be asked for again. */
  readonly modelLost: (backend: Backend) => void;
  /** A connect to it failed, or a connection ended for want of an answer. */
  readonly unreachable: (backend: Backend) => void;
}

/** What the breaker hears. A full engine, every 4xx and every client that left say nothing against a backend. */
export function outcomeOf(result: AttemptResult): Outcome {
  switch (result.type) {
    case 'answered':
      return answeredOutcome(result.answer);
    case 'streamed':
      if (result.observer.failed) return 'failure';
      return result.observer.aborted ? 'neutral' : 'success';
    case 'left':
      return 'neutral';
    default:
      return BLAMELESS.has(result.reason) ? 'neutral' : 'failure';
  }
}

/** Ends for which somebody else has spoken already, or which are the router's own doing. */
const BLAMELESS = new Set(['total_timeout', 'shutdown', 'moved', 'incomplete_stream', 'no_socket']);

/** Ends after which it is to be found out what has become of the backend's other requests. */
const UNREACHED = new Set(['connect_failed', 'connect_timeout', 'unreachable']);

function answeredOutcome(answer: HeldAnswer): Outcome {
  if (answer.status < 400) return answer.aborted ? 'neutral' : 'success';
  return answer.status >= 500 && !isAdmission(answer) ? 'failure' : 'alive';
}

/** Lets the backend feel how an attempt ended, and a person know when that takes it out or back. */
export function learn(
  backend: Backend,
  result: AttemptResult,
  now: number,
  config: RouteConfig,
  dispatch: Dispatch,
  news: BackendNews,
): void {
  const { breaker } = backend;
  const { openedAt, closedAt } = breaker;
  breaker.record(outcomeOf(result), now, config.circuitBreaker, dispatch);
  heed(backend, result, now, config, news);
  if (breaker.openedAt !== openedAt) news.ejected(backend, failureOf(result) ?? '', breaker.opensAt ?? now);
  else if (breaker.closedAt !== closedAt) news.readmitted(backend);
}

/** What its answer says beyond success and failure. */
function heed(
  backend: Backend,
  result: AttemptResult,
  now: number,
  { circuitBreaker }: RouteConfig,
  news: BackendNews,
): void {
  if ((result.type === 'failed' || result.type === 'broken') && UNREACHED.has(result.reason)) news.unreachable(backend);
  if (result.type !== 'answered') return;
  const { answer } = result;
  const { status } = answer;
  if (status === 429) {
    const seconds = Number(answer.retryAfter);
    if (seconds > 0) backend.coolUntil = Math.max(backend.coolUntil, now + Math.min(seconds * 1000, MAX_COOL));
  } else if (backend.spec.apiKey !== undefined && (status === 401 || status === 403)) {
    backend.breaker.trip(now, circuitBreaker);
    news.warn(backend, "the backend refuses the router's API key");
  } else if (isDraining(answer)) backend.breaker.trip(now, circuitBreaker);
  else if (status === 404 && lacksModel(answer)) news.modelLost(backend);
}

export const ABORTED = 'aborted';

/** Undefined for success, ABORTED where somebody stopped it on purpose, else the reason as metrics name it. */
export function failureOf(result: AttemptResult): string | undefined {
  switch (result.type) {
    case 'answered':
      if (result.answer.status >= 400) return `status_${result.answer.status}`;
      return result.answer.aborted ? ABORTED : undefined;
    case 'streamed':
      if (result.observer.failed) return 'error_event';
      return result.observer.aborted ? ABORTED : undefined;
    case 'left':
      return ABORTED;
    default:
      return result.reason;
  }
}
