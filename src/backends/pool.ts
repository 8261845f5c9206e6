/**
 * The interface between an attempt and the way its bytes travel. `proxy/upstream/` implements it on sockets; anything else
 * (undici in the benchmark, a fake in tests) can stand in.
 */
export interface UpstreamRequest {
  readonly method: string;
  /** Path with query, below the backend's own path prefix. */
  readonly path: string;
  /** Header lines `name: value\r\n`, latin1, without host, connection and framing: the pool owns those. */
  readonly headerLines: string;
  readonly body: Buffer | undefined;
}

export interface ResponseHead {
  readonly status: number;
  /** Alternating names and values as they came. */
  readonly rawHeaders: string[];
  /** How the body is delimited. */
  readonly framing: 'none' | 'length' | 'chunked' | 'eof';
  /** With `length`: bytes of body; otherwise 0. */
  readonly length: number;
}

/** Where the payload lies inside the framed bytes of one read. */
export interface ChunkRanges {
  /** The bytes begin and end between chunks, so they may be passed on as they are. */
  readonly whole: boolean;
  /** Alternating start and end offsets of payload; only the first `count` numbers count. */
  readonly offsets: Int32Array;
  readonly count: number;
}

/** Exactly one of `onEnd` and `onError` ends an exchange; nothing is called after it or after `abort`. */
export interface UpstreamHandler {
  /** The request is on its way over a usable connection. */
  onConnected?(): void;
  onHead(head: ResponseHead): void;
  /**
   * Bytes [start, end) of `buffer`, which is reused as soon as the call returns: copy what is kept. For chunked responses
   * the bytes hold the framing as it came, without the last chunk, and `chunks` says where the payload lies.
   */
  onBody(buffer: Buffer, start: number, end: number, chunks: ChunkRanges | undefined): void;
  onEnd(): void;
  onError(error: UpstreamError): void;
}

/**
 * `connect_failed`, `connect_timeout`: nothing was sent. `disconnected`: closed before a complete head. `truncated`: closed
 * inside the body. `unreachable`: in either place, by a machine that answers no packet. `bad_response`: not HTTP as we accept it. `no_socket`: there was none left here; the backend was not asked.
 */
export type UpstreamFailure =
  | 'connect_failed'
  | 'connect_timeout'
  | 'disconnected'
  | 'unreachable'
  | 'bad_response'
  | 'truncated'
  | 'no_socket';

export class UpstreamError extends Error {
  readonly reason: UpstreamFailure;
  constructor(reason: UpstreamFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface Exchange {
  /** Stops at once and closes the socket, which is how an engine learns that nobody waits any more. */
  abort(): void;
  pause(): void;
  resume(): void;
  /** The system has taken the whole body: nothing reads it any more. */
  readonly bodySent: boolean;
  /** Calls back when nothing reads the body any more: at once if it is sent, otherwise when the socket is closed, which the end of this must bring. */
  whenBodyFree(callback: () => void): void;
}

export interface UpstreamPool {
  /** `connectTimeout` in ms; 0 = the system's own. */
  send(request: UpstreamRequest, handler: UpstreamHandler, connectTimeout: number): Exchange;
  /** Closes idle sockets now and the others when their exchange ends. */
  close(): void;
  /** Cuts everything. */
  destroy(): void;
  /** Sockets now open, idle ones too. */
  readonly open: number;
}
