import type { RoutedRequest } from './routed-request.ts';

/**
 * What the pipeline tells of its work. `stats/` counts it; the pipeline knows nothing of windows, labels or metric names. All
 * calls are on the hot path; spans are ms.
 */
export interface Telemetry {
  /** A request for a model came in; `known` false where no backend has ever served it. */
  arrived(model: string, known: boolean): void;
  attempt(server: string, model: string): AttemptTelemetry;
  retried(reason: string, allowed: boolean): void;
  /** The client's answer, or what was left of it, is over. */
  finished(routed: RoutedRequest, status: number, elapsed: number): void;
  /** A request refused before it was anybody's. */
  rejected(reason: string): void;
}

/** One attempt at one backend, under one model. */
export interface AttemptTelemetry {
  firstByte(elapsed: number): void;
  /** Another piece of a stream, so long after the one before. */
  piece(sinceLast: number): void;
  ended(end: AttemptEnd): void;
}

export interface AttemptEnd {
  /** `failed`: before the client saw anything; `broken`: after. */
  readonly result: 'success' | 'client_error' | 'error' | 'failed' | 'broken' | 'left' | 'aborted';
  readonly reason: string;
  readonly elapsed: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}
