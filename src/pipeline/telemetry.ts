import type { RoutedRequest } from './routed-request.ts';

/**
 * What the pipeline tells of its work. `stats/` counts it; the pipeline knows nothing of windows, labels or metric names. All
 * calls are on the hot path; spans are ms.
 */
export interface Telemetry {
  /** The request's model is known, and its route where it has one. Each is followed by one `finished`. */
  arrived(routed: RoutedRequest): void;
  attempt(server: string, model: string, now: number, route: string): AttemptTelemetry;
  /** One more attempt, or the decision against it. */
  retried(reason: string, result: 'sent' | 'budget' | 'exhausted' | 'no-candidate'): void;
  /** One half of a request on a disaggregated route has ended. `alone`: prefill handed nothing over, and decode is on its own. */
  leg(route: string, role: 'prefill' | 'decode', result: 'ok' | 'alone' | 'failed' | 'aborted'): void;
  /** The client's answer, or what was left of it, is over. */
  finished(routed: RoutedRequest, status: number): void;
  /** A request refused before it was anybody's. */
  rejected(reason: string): void;
}

/** One attempt at one backend, under one model. `now` is monotonic ms. */
export interface AttemptTelemetry {
  /** The first event of a stream. */
  firstToken(now: number): void;
  /** Another piece of a stream. */
  token(now: number): void;
  usage(promptTokens: number, completionTokens: number): void;
  finished(now: number, outcome: 'success' | 'aborted'): void;
  /** `reason` is one of a closed set. */
  failed(now: number, reason: string): void;
}
