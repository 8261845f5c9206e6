/**
 * What went wrong with a call to the API server, as a word for metrics: an HTTP status (`403`), or where it broke when there was
 * no answer.
 */
export type ApiErrorCode = number | 'connect' | 'timeout' | 'stream' | 'protocol' | 'credentials';

/** A call to the API server that failed. The message is one line for the log. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  /** ms that the server asked to wait. */
  readonly retryAfter: number;

  constructor(code: ApiErrorCode, message: string, options: ErrorOptions & { retryAfter?: number } = {}) {
    super(message, options);
    this.code = code;
    this.retryAfter = options.retryAfter ?? 0;
  }
}

const CONNECT = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
]);
const TIMEOUT = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ABORT_ERR']);

/** Whatever undici, TLS or a parser threw, as an ApiError; `during` says whether an answer had begun. */
export function toApiError(error: unknown, during: 'request' | 'body'): ApiError {
  if (error instanceof ApiError) return error;
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  const text = code && !message?.includes(code) ? `${message} (${code})` : (message ?? String(error));
  if (name === 'TimeoutError' || TIMEOUT.has(code ?? '')) return new ApiError('timeout', text, { cause: error });
  if (during === 'body') return new ApiError('stream', text, { cause: error });
  // An unknown failure before the answer is a TLS one (wrong CA, wrong name): it is retried like a refused connection.
  return new ApiError(CONNECT.has(code ?? '') || code !== undefined ? 'connect' : 'protocol', text, { cause: error });
}

/** The API's `Status` object as it comes with every refusal. */
export function statusError(status: number, body: string, retryAfterHeader: string | undefined): ApiError {
  let message = '';
  let seconds = Number(retryAfterHeader);
  try {
    const parsed = JSON.parse(body) as { message?: unknown; details?: { retryAfterSeconds?: unknown } };
    if (typeof parsed.message === 'string') message = parsed.message;
    if (!(seconds > 0)) seconds = Number(parsed.details?.retryAfterSeconds);
  } catch {
    message = body.slice(0, 200).replaceAll(/\s+/g, ' ');
  }
  // A server that says "in an hour" is not obeyed: discovery would be blind for it.
  const retryAfter = seconds > 0 ? Math.min(seconds, 60) * 1000 : 0;
  return new ApiError(status, message === '' ? `HTTP ${status}` : `HTTP ${status}: ${message}`, { retryAfter });
}
