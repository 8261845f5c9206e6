import type { Backend } from '../backends/backend.ts';
import type { AttemptResult } from '../proxy/attempt-result.ts';
import type { Usage } from '../proxy/usage.ts';
import type { Leg } from './leg.ts';
import type { Route } from './route.ts';
import type { RoutedRequest } from './routed-request.ts';

/**
 * What the pipeline tells whoever traces requests. A snapshot without a tracer costs a request one look; the pipeline knows nothing of
 * ids, attributes or exporters. Times are monotonic ms.
 */
export interface Tracer {
  /** Once for each request, as it enters. */
  begin(routed: RoutedRequest): RequestTrace;
}

/** One request, whether it is recorded or not. */
export interface RequestTrace {
  /** For logs; undefined unless it is recorded. */
  readonly id: string | undefined;
  /** The header lines that are the same for every attempt, with what engines are to hear of the trace. */
  headerLines(lines: string): string;
  /** An attempt begins, which is the request's last one so far. Undefined unless it is recorded. */
  attempt(route: Route, leg: Leg, backend: Backend, startedAt: number): AttemptTrace | undefined;
  /** It has waited for room at a backend; `error`: why there was none. */
  queued(route: Route, from: number, until: number, error: string | undefined): void;
  /** Its response is over. `error`: code of the error that the client got, or empty. */
  finished(status: number, error: string, now: number): void;
}

/** One recorded attempt. */
export interface AttemptTrace {
  /** `traceparent` with its line break, for this attempt alone. */
  readonly headerLine: string;
  firstByte(now: number, ofStream: boolean): void;
  /** `failure` as metrics name it; undefined for success. */
  finished(now: number, result: AttemptResult, failure: string | undefined, usage: Usage | undefined): void;
}
