/**
 * Every error a client can see, in one table. `docs/errors.md` documents each code and a test holds the two together.
 * Message texts are the original router's where it had one; the shape is OpenAI's, which vLLM and the SDKs speak.
 */
interface ErrorEntry {
  readonly status: number;
  /** `{name}` is filled from the parameters. */
  readonly message: string;
  readonly param?: string;
  /** Seconds, never above 5: official SDKs sleep for as long as we say. */
  readonly retryAfter?: number;
  /** Sent as `x-should-retry: false`: repeating would repeat a burned prefill or fail the same way. */
  readonly noRetry?: true;
}

export const ERRORS = {
  invalid_json: { status: 400, message: 'Invalid request: request body must be valid JSON{detail}.' },
  not_an_object: { status: 400, message: 'Invalid request: request body must be a JSON object.' },
  missing_model: { status: 400, message: "Invalid request: missing 'model' in request body.", param: 'model' },
  invalid_model: { status: 400, message: "Invalid request: 'model' must be a string.", param: 'model' },
  duplicate_key: {
    status: 400,
    message: "Invalid request: the key '{key}' stands twice in the request body.",
    param: '{key}',
  },
  too_deep: { status: 400, message: 'Invalid request: request body is nested deeper than {limit} levels.' },
  invalid_encoding: { status: 400, message: 'Invalid request: request body must be UTF-8.' },
  invalid_form: { status: 400, message: 'Invalid request: {detail}' },
  bad_request: { status: 400, message: 'Bad request: {detail}.' },
  unauthorized: { status: 401, message: 'Missing or invalid API key.' },
  model_not_allowed: { status: 403, message: "This API key may not use the model '{model}'.", param: 'model' },
  host_not_allowed: {
    status: 403,
    message: "The admin endpoints of this listener are for this machine: '{host}' is not a name of it.",
  },
  cross_site_request: { status: 403, message: 'The admin endpoints do not answer pages of other sites.' },
  sleep_not_allowed: {
    status: 403,
    message: "{method} {path} changes engines, and this listener does not serve it: add 'sleep' to its 'serve'.",
  },
  not_found: { status: 404, message: 'Nothing is served at {method} {path}.{hint}' },
  model_not_found: {
    status: 404,
    message: "Model '{model}' not found. Available models can be listed at /v1/models.",
    param: 'model',
  },
  endpoint_not_served: { status: 404, message: "Model '{model}' does not serve {path}." },
  engine_not_found: { status: 400, message: 'Engine with Id {id} not found.', param: 'id' },
  missing_engine_id: { status: 400, message: 'Invalid request: missing target Engine Id.', param: 'id' },
  method_not_allowed: { status: 405, message: '{method} is not allowed here; use {allow}.' },
  request_timeout: { status: 408, message: 'The request was not received in time.' },
  config_not_applied: { status: 409, message: 'The configuration was not put in force: {detail}.' },
  body_too_large: { status: 413, message: 'Request body is larger than {limit}.' },
  uri_too_long: { status: 414, message: 'The request target is too long.' },
  unsupported_media_type: { status: 415, message: '{detail}' },
  expectation_failed: { status: 417, message: 'Only "Expect: 100-continue" is supported.' },
  config_rejected: { status: 422, message: 'The configuration is not valid (errors: {count}); the running one stays.' },
  headers_too_large: { status: 431, message: 'Request headers are larger than {limit}.' },
  overloaded: {
    status: 503,
    message: 'The router is at its limit of requests. Please try again later.',
    retryAfter: 1,
  },
  queue_timeout: {
    status: 429,
    message: "No backend of model '{model}' became free in time. Please try again later.",
    retryAfter: 2,
  },
  internal_error: { status: 500, message: 'Internal error in the router.' },
  not_implemented: { status: 501, message: '{detail}' },
  backend_disconnected: { status: 502, message: 'The backend closed the connection before it answered.' },
  bad_upstream_response: { status: 502, message: 'The backend sent a malformed response.', noRetry: true },
  backend_auth_failed: { status: 502, message: "The backend refused the router's API key.", noRetry: true },
  engine_refused: { status: 502, message: 'The engine answered {status} to {method} {path}.', noRetry: true },
  poison_request: {
    status: 502,
    message: 'Backends died while serving this request; it is not tried again.',
    noRetry: true,
  },
  incomplete_stream: { status: 502, message: 'The backend ended the stream before it was complete.' },
  stream_interrupted: { status: 502, message: 'The backend broke off the stream.' },
  model_unavailable: {
    status: 503,
    message: "Model '{model}' is temporarily unavailable. Please try again later.",
    param: 'model',
    retryAfter: 2,
  },
  models_unknown: {
    status: 503,
    message:
      "Model '{model}' is not known yet: some backends have not said which models they serve. Please try again later.",
    param: 'model',
    retryAfter: 2,
  },
  backend_unavailable: { status: 503, message: 'No backend could be reached. Please try again later.', retryAfter: 2 },
  prefill_unavailable: {
    status: 503,
    message:
      "PREFILL_SERVICE_UNAVAILABLE: No prefill backend of model '{model}' can take the request. Please try again later.",
    param: 'model',
    retryAfter: 2,
  },
  decode_unavailable: {
    status: 503,
    message:
      "DECODE_SERVICE_UNAVAILABLE: No decode backend of model '{model}' can take the request. Please try again later.",
    param: 'model',
    retryAfter: 2,
  },
  server_shutting_down: { status: 503, message: 'The router is shutting down.', retryAfter: 1 },
  not_ready: { status: 503, message: 'The router is not ready: {detail}.', retryAfter: 1 },
  http_version_not_supported: { status: 505, message: 'Only HTTP/1.0 and HTTP/1.1 are supported.' },
  upstream_timeout: { status: 504, message: 'The backend did not answer in time.', noRetry: true },
  stream_timeout: { status: 504, message: 'The backend stopped sending in the middle of the answer.', noRetry: true },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;
export type ErrorParams = Readonly<Record<string, string | number>>;

/** An error that a client may see. Anything else that is thrown becomes `internal_error` and is logged. */
export class RouterError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    params: ErrorParams = {},
    options?: ErrorOptions & { headers?: Record<string, string> },
  ) {
    const entry: ErrorEntry = ERRORS[code];
    super(fill(entry.message, params), options);
    this.code = code;
    this.status = entry.status;
    this.param = entry.param === undefined ? null : fill(entry.param, params);
    this.headers = {
      ...(entry.retryAfter !== undefined && { 'retry-after': String(entry.retryAfter) }),
      ...(entry.noRetry && { 'x-should-retry': 'false' }),
      ...options?.headers,
    };
  }

  /** OpenAI's error object; vLLM's own uses the same members. */
  body(): string {
    return JSON.stringify({
      error: { message: this.message, type: errorType(this.status), param: this.param, code: this.code },
    });
  }
}

export function errorType(status: number): string {
  if (status >= 500) return 'server_error';
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return 'invalid_request_error';
}

function fill(template: string, params: ErrorParams): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? ''));
}
