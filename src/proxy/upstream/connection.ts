import type { Socket } from 'node:net';
import { UpstreamError, type UpstreamFailure } from '../../backends/pool.ts';
import { isWaiting, writeLater } from '../write-batch.ts';
import { BodyWriter } from './body-writer.ts';
import { ChunkScanner } from './chunk-scanner.ts';
import type { ConnectionOwner, SocketExchange, Target } from './exchange.ts';
import { connectFailure, lostConnection, openSocket } from './open-socket.ts';
import { MAX_HEAD, type ParsedHead, parseHead } from './response-head.ts';

/**
 * One read buffer for all connections: libuv fills it and calls back before the next read, so nobody needs their own.
 * With a buffer and a stream object per response this path costs twice as much per chunk.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);
const BARE_LF = /(?:^|[^\r])\n/;
const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * A connection that the engine had closed while idle answers a request by its end within a round trip. One that ends later took the
 * request and died with it: such a request may be what killed the engine, and must not be repeated as if nothing had happened. ms.
 */
const STALE_WITHIN = 1_000;

type Phase = 'idle' | 'head' | 'length' | 'chunked' | 'eof' | 'closed';

/** One HTTP/1.1 connection to a backend, one exchange at a time. */
export class Connection {
  readonly #owner: ConnectionOwner;
  readonly #target: Target;
  readonly #socket: Socket;
  readonly #bodies: BodyWriter;
  readonly #scanner = new ChunkScanner();
  #phase: Phase = 'idle';
  #exchange: SocketExchange | undefined;
  #head: ParsedHead | undefined;
  /** Start of a head that came in several reads. */
  #partialHead: Buffer | undefined;
  #left = 0;
  #connected = false;
  #served = 0;
  #gotBytes = false;
  #connectTimer: NodeJS.Timeout | undefined;
  #sentAt = 0;
  /** Of writes, the one that a small request goes out with. */
  #batch = -1;
  #failure: Error | undefined;
  /** Monotonic ms since which it is idle. */
  idleSince = 0;

  constructor(target: Target, owner: ConnectionOwner, connectTimeout: number) {
    this.#owner = owner;
    this.#target = target;
    this.#socket = openSocket(target, { buffer: READ_BUFFER, callback: (bytes) => this.#readSafely(bytes) });
    this.#bodies = new BodyWriter(this.#socket);
    this.#socket.once(target.tls ? 'secureConnect' : 'connect', () => this.#onConnected());
    this.#socket.on('error', (error) => {
      this.#failure = error;
    });
    this.#socket.on('end', () => this.#onEof());
    this.#socket.on('close', () => this.#onClose());
    if (connectTimeout > 0) {
      this.#connectTimer = setTimeout(() => this.#fail('connect_timeout', 'no connection in time'), connectTimeout);
    }
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get allSent(): boolean {
    return this.#bodies.done;
  }

  whenBodyFree(callback: () => void): void {
    this.#bodies.whenFree(callback);
  }

  /** Head and body leave in one write where the socket allows; before the connection stands, the socket keeps them. */
  send(exchange: SocketExchange): void {
    this.#exchange = exchange;
    exchange.connection = this;
    const { request, handler } = exchange;
    this.#phase = 'head';
    this.#gotBytes = false;
    this.#sentAt = performance.now();
    const { body } = request;
    const framing = body === undefined ? '' : `content-length: ${body.length}\r\n`;
    const head = `${request.method} ${request.path} HTTP/1.1\r\nhost: ${this.#target.authority}\r\n${framing}${request.headerLines}\r\n`;
    const socket = this.#socket;
    if (body === undefined || body.length === 0) socket.write(head, 'latin1');
    // Node copies a short text to its stack and writes it: cheaper than a buffer for both, or a writev of two.
    else if (body.length < 15_000) this.#batch = writeLater(socket, head + body.toString('latin1'));
    else {
      socket.cork();
      socket.write(head, 'latin1');
      this.#bodies.write(body);
      socket.uncork();
    }
    if (this.#connected) handler.onConnected?.();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes without telling the handler. */
  destroy(): void {
    this.#detach();
    this.#phase = 'closed';
    clearTimeout(this.#connectTimer);
    this.#socket.destroy();
  }

  /** Closes and lets the handler know. */
  cut(): void {
    if (this.#exchange === undefined) this.destroy();
    else this.#fail(this.#phase === 'head' ? 'disconnected' : 'truncated', 'the backend was given up');
  }

  #onConnected(): void {
    this.#connected = true;
    clearTimeout(this.#connectTimer);
    this.#exchange?.handler.onConnected?.();
  }

  /** A fault in what handles one answer must not end the process, and every other request with it. */
  #readSafely(bytes: number): boolean {
    try {
      return this.#onRead(bytes);
    } catch (error) {
      process.emitWarning(error as Error);
      this.#fail('bad_response', 'the answer could not be handled');
      return false;
    }
  }

  #onRead(bytes: number): boolean {
    // What has not been sent cannot have been answered: as on an idle connection, these bytes belong to nobody.
    if (isWaiting(this.#batch)) {
      this.#socket.destroy();
      return false;
    }
    if (!this.#gotBytes) this.#exchange?.answered();
    this.#gotBytes = true;
    let at = 0;
    // After the body's end nothing may follow: without a request outstanding those bytes belong to nobody.
    while (at < bytes) {
      switch (this.#phase) {
        case 'head':
          at = this.#readHead(at, bytes);
          break;
        case 'length':
          at = this.#readLength(at, bytes);
          break;
        case 'chunked':
          at = this.#readChunked(at, bytes);
          break;
        case 'eof':
          this.#exchange!.handler.onBody(READ_BUFFER, at, bytes, undefined);
          at = bytes;
          break;
        default:
          this.destroy();
          return false;
      }
      if (at < 0) return false;
    }
    return true;
  }

  #readHead(start: number, bytes: number): number {
    let text: string;
    let next: number;
    if (this.#partialHead === undefined) {
      const end = READ_BUFFER.indexOf(HEAD_END, start);
      // Beyond `bytes` lies what an earlier read left.
      if (end < 0 || end + 4 > bytes) return this.#keepPartialHead(start, bytes);
      text = READ_BUFFER.toString('latin1', start, end);
      next = end + 4;
    } else {
      const known = this.#partialHead.length;
      const joined = Buffer.concat([this.#partialHead, READ_BUFFER.subarray(start, bytes)]);
      const end = joined.indexOf(HEAD_END, Math.max(0, known - 3));
      if (end < 0) return this.#keepPartialHead(start, bytes);
      text = joined.toString('latin1', 0, end);
      next = start + end + 4 - known;
      this.#partialHead = undefined;
    }
    if (text.length > MAX_HEAD) return this.#bad('response head is too large');
    const head = parseHead(text, this.#exchange!.request.method);
    if (typeof head === 'string') return this.#bad(head);
    if (head.status === 101) return this.#bad('unsolicited 101');
    if (head.status < 200) return next;
    this.#head = head;
    const exchange = this.#exchange!;
    exchange.handler.onHead(head);
    if (this.#exchange !== exchange) return -1;
    if (head.framing === 'none') return this.#complete(next, bytes);
    this.#left = head.length;
    if (head.framing === 'chunked') this.#scanner.reset();
    this.#phase = head.framing;
    return next;
  }

  #keepPartialHead(start: number, bytes: number): number {
    const piece = READ_BUFFER.subarray(start, bytes);
    this.#partialHead = Buffer.concat(this.#partialHead ? [this.#partialHead, piece] : [piece]);
    // Its end would never come.
    if (BARE_LF.test(this.#partialHead.toString('latin1'))) return this.#bad('line feed without carriage return');
    return this.#partialHead.length > MAX_HEAD ? this.#bad('response head is too large') : bytes;
  }

  #readLength(start: number, bytes: number): number {
    const end = Math.min(bytes, start + this.#left);
    this.#left -= end - start;
    const exchange = this.#exchange!;
    exchange.handler.onBody(READ_BUFFER, start, end, undefined);
    if (this.#exchange !== exchange) return -1;
    return this.#left === 0 ? this.#complete(end, bytes) : end;
  }

  #readChunked(start: number, bytes: number): number {
    const scanner = this.#scanner;
    const next = scanner.feed(READ_BUFFER, start, bytes);
    if (next < 0) return this.#bad('malformed chunk');
    if (scanner.count > 0) {
      const exchange = this.#exchange!;
      exchange.handler.onBody(READ_BUFFER, start, scanner.bodyEnd, scanner);
      if (this.#exchange !== exchange) return -1;
    }
    return scanner.done ? this.#complete(next, bytes) : next;
  }

  /** The response is complete; what follows it in the same read was not asked for, so such a connection is not kept. */
  #complete(next: number, bytes: number): number {
    const { handler } = this.#detach()!;
    this.#served++;
    // An answer that came before the whole request had gone out leaves the rest of it in the way of the next one.
    if (this.#head!.keepAlive && next === bytes && this.allSent) {
      this.#phase = 'idle';
      // Paused for a slow client, it would never read the next response, nor its own end.
      if (this.#socket.isPaused()) this.#socket.resume();
      this.#owner.onIdle(this);
      handler.onEnd();
      return next;
    }
    this.destroy();
    handler.onEnd();
    return -1;
  }

  /** From here on the exchange can no longer touch this connection, which may carry the next one. */
  #detach(): SocketExchange | undefined {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.detached(this.allSent);
    return exchange;
  }

  #bad(reason: string): number {
    this.#fail('bad_response', reason);
    return -1;
  }

  #onEof(): void {
    if (this.#phase === 'eof') {
      const exchange = this.#detach();
      this.destroy();
      exchange?.handler.onEnd();
    } else this.#socket.destroy();
  }

  #onClose(): void {
    clearTimeout(this.#connectTimer);
    this.#owner.onClosed(this);
    if (this.#exchange === undefined) return;
    const error = this.#failure;
    const { resent } = this.#exchange;
    if (!this.#connected) this.#fail(connectFailure(error, resent), error?.message ?? 'could not connect');
    else if (this.#isStale()) this.#owner.onStale(this.#detach()!);
    else this.#fail(lostConnection(error, this.#phase === 'head'), error?.message ?? 'connection closed');
  }

  #isStale(): boolean {
    const untouched = this.#phase === 'head' && !this.#gotBytes && this.#served > 0;
    return untouched && performance.now() - this.#sentAt < STALE_WITHIN;
  }

  #fail(reason: UpstreamFailure, message: string): void {
    const exchange = this.#detach();
    this.destroy();
    if (exchange === undefined) return;
    exchange.handler.onError(new UpstreamError(reason, message, { cause: this.#failure }));
  }
}
