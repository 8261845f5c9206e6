import type { UpstreamError } from '../backends/pool.ts';
import type { RelayedHeaders } from './response-headers.ts';
import type { StreamObserver } from './stream-observer.ts';
import type { Usage } from './usage.ts';

/** An answer of which the client has seen nothing yet. */
export interface HeldAnswer {
  readonly status: number;
  readonly headers: RelayedHeaders;
  /** Its bytes as latin1. */
  readonly body: string;
  readonly usage: Usage | undefined;
  /** Seconds, as the backend asked for. */
  readonly retryAfter: string | undefined;
  /** The status stood in the first event of a 200 stream. */
  readonly inStream: boolean;
  /** The engine gave the request up, behind a 200. */
  readonly aborted: boolean;
}

/** How an attempt ended. */
export type AttemptResult =
  /** Complete and held; whoever reads this sends it or tries elsewhere. */
  | { readonly type: 'answered'; readonly answer: HeldAnswer }
  /** Went through to its clean end. */
  | { readonly type: 'streamed'; readonly status: number; readonly observer: StreamObserver }
  /** Nothing has reached the client. */
  | { readonly type: 'failed'; readonly reason: FailureReason }
  /** The client has part of it, was told by an error event where it can be, and was cut off. */
  | { readonly type: 'broken'; readonly reason: FailureReason; readonly status: number }
  /** The client left; the backend's work is aborted. */
  | { readonly type: 'left' };

export type FailureReason =
  | UpstreamError['reason']
  | 'first_byte_timeout'
  | 'idle_timeout'
  | 'total_timeout'
  | 'incomplete_stream'
  | 'moved'
  | 'shutdown';
