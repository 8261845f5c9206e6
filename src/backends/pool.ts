/**
 * The interface between an attempt and the way its bytes travel. `proxy/upstream/` implements it on sockets; anything else
 * (undici in the benchmark, a fake in tests) can stand in.
 */
export interface UpstreamRequest {
  readonly method: string;
  /** Path with query, below the backend's own path prefix. */
  readonly path: string;
  /** Header lines `name: value\r\n`, without host, connection and framing: the pool owns those. */
  readonly headerLines: string;
  readonly body: Buffer | undefined;
  /** ms; 0 = none. */
  readonly connectTimeout: number;
}

export interface ResponseHead {
  readonly status: number;
  /** Alternating names and values as they came. */
  readonly rawHeaders: readonly string[];
  /** How the body is delimited. */
  readonly framing: 'none' | 'length' | 'chunked' | 'eof';
  /** With `length`: bytes of body. */
  readonly length: number;
}

/** Exactly one of `onEnd` and `onError` ends an exchange; nothing is called after it or after `abort`. */
export interface UpstreamHandler {
  onHead(head: ResponseHead): void;
  /**
   * Bytes of the body. `data` is only valid during the call: copy what is kept. For chunked responses `payload` runs over
   * the decoded parts; `data` holds the framing as it came and is complete chunks only when `whole`.
   */
  onData(data: Buffer): void;
  onEnd(): void;
  onError(error: UpstreamError): void;
}

export type UpstreamFailure =
  | 'connect_failed'
  | 'connect_timeout'
  | 'disconnected'
  | 'stale'
  | 'bad_response'
  | 'truncated';

export class UpstreamError extends Error {
  readonly reason: UpstreamFailure;
  constructor(reason: UpstreamFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface Exchange {
  /** Stop at once: closes the socket, so that the engine notices. */
  abort(): void;
  pause(): void;
  resume(): void;
}

export interface UpstreamPool {
  send(request: UpstreamRequest, handler: UpstreamHandler): Exchange;
  /** Lets open exchanges finish, closes idle sockets now. */
  close(): Promise<void>;
  /** Cuts everything. */
  destroy(): void;
  readonly open: number;
}
