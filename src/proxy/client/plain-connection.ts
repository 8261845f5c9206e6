import type { Socket } from 'node:net';
import { RouterError } from '../../errors.ts';
import { flushWrites } from '../write-batch.ts';
import { adoptSocket } from './adopt-socket.ts';
import { type BodyReader, PlainBody, tooSlow } from './plain-body.ts';
import { PlainRequest } from './plain-request.ts';
import { PlainResponse } from './plain-response.ts';
import { parsePlainHead } from './request-head.ts';

/** One read buffer for all connections, as on the engines' side: libuv fills it and calls back before the next read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);
const HEAD_END = Buffer.from('\r\n\r\n');
/** Bytes of request head; vLLM takes more, no client we know of sends that. */
export const MAX_HEAD = 16 * 1024;
/** Bytes of further requests that are kept while one is answered; then the client has to wait. */
const MAX_KEPT = 64 * 1024;
/** ms for the system to take the answer of a connection that is read no more. */
const LAST_ANSWER = 1_000;

/** Where a connection's requests go. */
export interface ConnectionHost {
  /** Whether requests for this path (without query) may be served here. */
  serves(path: string): boolean;
  handle(request: PlainRequest, response: PlainResponse): void;
  /** From here on the socket is `node:http`'s; the bytes that have come are in it, to be read again. */
  handOver(socket: Socket): void;
  /** Answers end their connections from now on. */
  readonly closing: boolean;
}

type Phase = 'idle' | 'body' | 'answering' | 'handed-over';

/**
 * One connection of a client, as long as its requests are plain: a POST to a path that is forwarded, whose head comes in one read and needs
 * no interpretation. The first request that is anything else goes to `node:http`, and the connection with it, for good. That server
 * costs 13 µs a request more, of 33 (measured on Node 24 with an empty handler), and copies large bodies twice.
 */
export class PlainConnection implements BodyReader {
  readonly socket: Socket;
  readonly #host: ConnectionHost;
  /** The buffer that the next read goes to. */
  #reading: Buffer = READ_BUFFER;
  #given: Buffer | undefined;
  #body: PlainBody | undefined;
  #response: PlainResponse | undefined;
  #kept: Buffer | undefined;
  #paused = false;
  /** ms for which a reader may stand still; 0 = not watched. */
  #awaited = 0;
  phase: Phase = 'idle';
  /** It has had no request yet. */
  fresh = true;
  /** Monotonic ms at which the phase began. */
  since = performance.now();

  private constructor(accepted: Socket, host: ConnectionHost) {
    this.#host = host;
    const next = () => this.#nextReading();
    const read = (bytes: number) => this.#onRead(bytes);
    this.socket = adoptSocket(accepted, { next, read }) ?? accepted;
    if (this.socket === accepted) return;
    this.socket.on('error', () => {});
    this.socket.on('timeout', () => {
      // Once it is node:http's, so are its time limits.
      if (this.phase !== 'handed-over') this.socket.destroy();
    });
    this.socket.once('end', () => this.#onEnd());
    this.socket.once('close', () => this.#onClose());
  }

  /** Undefined where this Node does not let us: then `accepted` is as it was. */
  static open(accepted: Socket, host: ConnectionHost): PlainConnection | undefined {
    const connection = new PlainConnection(accepted, host);
    return connection.socket === accepted ? undefined : connection;
  }

  /** The request has taken too long to come; the pipeline answers. */
  timeOut(): void {
    this.#body?.fail(tooSlow());
  }

  stopReading(): void {
    this.socket.pause();
    this.#awaitReader(LAST_ANSWER);
  }

  onAnswered(close: boolean): void {
    this.#response = undefined;
    const complete = this.#body?.complete ?? true;
    if (close || !complete || this.#host.closing) {
      this.socket.destroySoon();
      return;
    }
    this.#body = undefined;
    this.#become('idle');
    this.#awaitReader(0);
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept !== undefined) this.#onHead(kept);
    if (!this.#paused || this.#full) return;
    this.#paused = false;
    this.socket.resume();
  }

  /** To be called now and then: a client that does not take its answer is cut after `limit` ms without any progress. */
  watchReader(limit: number): void {
    if (this.phase === 'answering' && this.#response?.writableEnded) this.#awaitReader(limit);
  }

  #awaitReader(limit: number): void {
    if (this.#awaited === limit) return;
    this.#awaited = limit;
    // Node's own: what it still has to write has become less or it is over.
    this.socket.setTimeout(limit);
  }

  get #full(): boolean {
    return this.#kept !== undefined && this.#kept.length >= MAX_KEPT;
  }

  /** Undefined: as before. */
  #nextReading(): Buffer | undefined {
    if (this.#reading === this.#given) return undefined;
    this.#given = this.#reading;
    return this.#given;
  }

  #become(phase: Phase): void {
    this.phase = phase;
    this.since = performance.now();
  }

  #onRead(count: number): boolean {
    const body = this.#body;
    const bytes = this.#reading.subarray(0, count);
    switch (this.phase) {
      case 'idle':
        this.#onHead(bytes);
        break;
      case 'body':
        this.#onBody(body!, bytes);
        break;
      case 'answering':
        this.#keep(bytes);
        break;
      case 'handed-over':
        this.socket.push(Buffer.from(bytes));
        break;
    }
    return !this.#paused;
  }

  /** `bytes` are valid until this returns. */
  #onHead(bytes: Buffer): void {
    const end = bytes.indexOf(HEAD_END);
    const head = end < 0 || end > MAX_HEAD ? undefined : parsePlainHead(bytes.toString('latin1', 0, end));
    if (head === undefined || !this.#host.serves(pathOf(head.url))) {
      this.#handOver(bytes);
      return;
    }
    this.fresh = false;
    const rest = bytes.subarray(end + 4);
    const body = new PlainBody(head.length, rest, this);
    this.#body = body;
    this.#become(body.complete ? 'answering' : 'body');
    const request = new PlainRequest(head, body, this.socket);
    const response = new PlainResponse(request, this);
    this.#response = response;
    this.#host.handle(request, response);
    body.forgetFirst();
    if (body.complete && rest.length > body.length) this.#keep(rest.subarray(body.length));
    this.#reading = body.nextBuffer ?? READ_BUFFER;
  }

  #onBody(body: PlainBody, bytes: Buffer): void {
    let count = bytes.length;
    if (this.#reading === READ_BUFFER) count = body.copyFrom(bytes);
    else body.readInPlace(count);
    this.#reading = body.nextBuffer ?? READ_BUFFER;
    if (!body.complete) return;
    if (this.#response !== undefined) this.#become('answering');
    if (count < bytes.length) this.#keep(bytes.subarray(count));
  }

  /** The beginning of the next request, which came early. */
  #keep(bytes: Buffer): void {
    this.#kept = Buffer.concat(this.#kept === undefined ? [bytes] : [this.#kept, bytes]);
    if (this.#full) this.#paused = true;
  }

  #handOver(bytes: Buffer): void {
    this.phase = 'handed-over';
    this.socket.push(Buffer.from(bytes));
    this.#host.handOver(this.socket);
  }

  /** A client that closes its half has left, as with uvicorn and `node:http`. */
  #onEnd(): void {
    if (this.phase === 'handed-over') return;
    flushWrites();
    if (this.#response === undefined || this.#response.writableEnded) this.socket.destroySoon();
    else this.socket.destroy();
  }

  #onClose(): void {
    this.#body?.fail(new RouterError('bad_request', { detail: 'the request ended early' }));
    this.#body?.release();
    this.#response?.lost();
  }
}

/** Without the query. */
export function pathOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? url : url.slice(0, mark);
}
