import { type ErrorCode, errorType, RouterError } from '../errors.ts';
import { type ApiKind, errorEvent } from './api-kind.ts';
import type { FailureReason } from './attempt-result.ts';

/** What a client reads in the error event of a broken stream; anything not named is `stream_interrupted`. */
const BROKEN: Partial<Record<FailureReason, ErrorCode>> = {
  idle_timeout: 'stream_timeout',
  total_timeout: 'stream_timeout',
  incomplete_stream: 'incomplete_stream',
  shutdown: 'server_shutting_down',
};

/** The code by which clients, logs and metrics know the end of a stream that had begun. */
export function brokenStreamCode(reason: FailureReason): ErrorCode {
  return BROKEN[reason] ?? 'stream_interrupted';
}

/** The event that tells the client of a stream why it ends here. */
export function brokenStreamEvent(kind: ApiKind, reason: FailureReason): Buffer {
  const code = brokenStreamCode(reason);
  const error = new RouterError(code);
  return errorEvent(kind, { message: error.message, type: errorType(error.status), code });
}
