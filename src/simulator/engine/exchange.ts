import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestFault } from './faults.ts';
import type { EngineHost } from './host.ts';
import type { RequestRecord } from './record.ts';

export interface HeadOptions {
  /** Bytes of the body; absent: chunked. */
  readonly length?: number;
  readonly type?: string;
  readonly allow?: string;
  /** Answers from below the middleware (engine failures while draining) lack `vary` and `x-request-id`. */
  readonly bare?: boolean;
  /** Of the CORS middleware, which the key check stands before. */
  readonly noVary?: boolean;
  /** Further headers, after the others. */
  readonly extra?: readonly string[];
  /** Further headers, before the others. */
  readonly leading?: readonly string[];
}

let dateSecond = 0;
let dateText = '';

function httpDate(): string {
  const now = Date.now();
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(now).toUTCString();
  }
  return dateText;
}

/**
 * One request and its answer as uvicorn would write it: header names in lower case and in its order, no `connection` or
 * `keep-alive` header on a kept connection.
 */
export class Exchange {
  readonly host: EngineHost;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly requestId: string;
  readonly record: RequestRecord;
  body: Buffer = Buffer.alloc(0);
  fault: RequestFault | undefined;
  /** The client has left or the answer is complete: nothing more may be written. */
  closed = false;
  /** How the engine core's death shows on this request. */
  onCrash: (() => void) | undefined;
  /** Called once when the client leaves before the answer is complete. */
  onAbort: (() => void) | undefined;

  constructor(host: EngineHost, req: IncomingMessage, res: ServerResponse) {
    this.host = host;
    this.req = req;
    this.res = res;
    const url = req.url ?? '/';
    const mark = url.indexOf('?');
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.query = new URLSearchParams(mark < 0 ? '' : url.slice(mark));
    const given = req.headers['x-request-id'];
    this.requestId = typeof given === 'string' && given !== '' ? given : `${host.nextId()}${host.nextId()}`;
    this.record = {
      at: performance.now(),
      method: req.method ?? '',
      url,
      headers: req.rawHeaders,
      body: undefined,
      model: undefined,
      stream: false,
      requestId: this.requestId,
      status: undefined,
      tokens: 0,
      outcome: 'open',
    };
    res.on('close', () => this.leave());
  }

  /** The id that ids of answers are made from: the client's own where it sent one. */
  get bodyId(): string {
    return this.req.headers['x-request-id'] === undefined ? this.host.nextId() : this.requestId;
  }

  head(status: number, options: HeadOptions): void {
    const { res, host } = this;
    this.record.status = status;
    const headers: string[] = ['date', httpDate(), 'server', 'uvicorn'];
    if (options.leading) headers.push(...options.leading);
    if (options.allow !== undefined) headers.push('allow', options.allow);
    if (options.length !== undefined) headers.push('content-length', String(options.length));
    if (options.type !== undefined) headers.push('content-type', options.type);
    if (!options.bare) {
      if (!options.noVary) headers.push('vary', 'Origin');
      if (host.settings.requestIdHeaders) headers.push('x-request-id', this.requestId);
    }
    if (options.extra) headers.push(...options.extra);
    if (!res.shouldKeepAlive) headers.push('connection', 'close');
    if (options.length === undefined) headers.push('transfer-encoding', 'chunked');
    // Without these Node adds `Connection: keep-alive`, `Keep-Alive: timeout=5` and a second date.
    res.removeHeader('connection');
    res.sendDate = false;
    res.writeHead(status, headers);
    if (options.length === undefined) res.flushHeaders();
    // The framing is ours: one write an event, and a fault can break it.
    res.chunkedEncoding = false;
  }

  json(status: number, value: unknown, options: Omit<HeadOptions, 'length'> = {}): void {
    this.send(status, JSON.stringify(value), { type: 'application/json', ...options });
  }

  send(status: number, body: string | Buffer, options: Omit<HeadOptions, 'length'> = {}): void {
    if (this.closed) return;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    if (this.fault && this.spoil(status, bytes, options)) return;
    this.head(status, { ...options, length: bytes.length });
    this.finish('completed');
    this.res.end(this.req.method === 'HEAD' ? undefined : bytes);
  }

  /** vLLM's error object. */
  error(
    status: number,
    message: string,
    type: string,
    param: string | null = null,
    options: Omit<HeadOptions, 'length'> = {},
  ): void {
    this.json(status, { error: { message, type, param, code: status } }, options);
  }

  /** Part of a body whose head is sent, as a segment of its own: `res.write` would hold it back until the next tick. */
  write(data: string | Buffer, encoding: BufferEncoding = 'utf8'): void {
    // None: an earlier request on this connection is still being answered.
    const { socket } = this.res;
    if (socket) socket.write(data, encoding);
    else this.res.write(data, encoding);
  }

  /** The answer is complete as far as the engine is concerned; the caller ends the response. */
  finish(outcome: RequestRecord['outcome']): void {
    if (this.closed) return;
    this.closed = true;
    this.record.outcome = outcome;
    this.host.left(this);
  }

  /** Ends the connection in the middle. */
  cut(how: 'fin' | 'rst'): void {
    const { socket } = this.req;
    this.onAbort?.();
    this.finish('failed');
    if (how === 'rst') socket.resetAndDestroy();
    else socket.destroySoon();
  }

  /** From now on nothing is sent; the connection stays open until the client leaves. */
  silence(): void {
    this.record.outcome = 'silent';
    this.onAbort?.();
    this.onAbort = undefined;
    this.host.notify();
  }

  /** Writes bytes that no HTTP library would; see `malformed.ts`. */
  raw(bytes: string | Buffer, end: boolean): void {
    const { socket } = this.req;
    this.finish('failed');
    socket.write(bytes, 'latin1');
    if (end) socket.destroySoon();
  }

  private leave(): void {
    if (this.closed) return;
    this.onAbort?.();
    this.finish('aborted');
  }

  /** True when a fault took the answer over. */
  private spoil(status: number, body: Buffer, options: Omit<HeadOptions, 'length'>): boolean {
    const fault = this.fault!;
    if (fault.kind === 'crash' && status < 400) {
      this.fault = undefined;
      this.coreDied();
      return true;
    }
    if (fault.kind !== 'cut' && fault.kind !== 'silence') return false;
    this.head(status, { ...options, length: body.length });
    this.res.flushHeaders();
    if (fault.at !== 'headers') this.write(body.subarray(0, body.length >> 1));
    if (fault.kind === 'cut') this.cut(fault.how);
    else this.silence();
    return true;
  }

  /** What a plain request gets when the engine core dies: a 500, then FIN. */
  coreDied(): void {
    this.res.shouldKeepAlive = false;
    this.error(500, CORE_DIED, 'InternalServerError');
  }
}

export const CORE_DIED = 'EngineCore encountered an issue. See stack trace (above) for the root cause.';
export const BUSY =
  'The engine is currently busy and cannot accept new requests. Please try again later or on a different instance.';
