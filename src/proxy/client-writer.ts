import type { Socket } from 'node:net';
import type { ClientResponse } from './client/client-exchange.ts';
import type { RelayedHeaders } from './response-headers.ts';
import { flushWrites, writeLater } from './write-batch.ts';

/**
 * The client's side of a relayed response. Where client and engine both speak chunked HTTP/1.1 the engine's framing goes
 * through as it came, in one write to the socket: two thirds of the cost of a streamed chunk are saved that way (measured
 * against `res.write`). Only the last chunk is Node's, so that it knows that the response is over.
 */
export class ClientWriter {
  readonly #response: ClientResponse;
  #raw = false;
  /** An HTTP/1.0 client takes the connection's end for that of the body. */
  #unframed = false;
  #onDrain: (() => void) | undefined;

  constructor(response: ClientResponse) {
    this.#response = response;
  }

  /** The client is behind: what is written now is kept in memory until it reads. */
  get behind(): boolean {
    return this.#response.socket?.writableNeedDrain ?? this.#response.writableNeedDrain;
  }

  /** A complete answer, in one write; `body` is its bytes as latin1. */
  sendWhole(status: number, headers: RelayedHeaders, body: string): void {
    this.#head(status, headers, body.length);
    // A latin1 text joins the head in one write; Node writes a buffer separately.
    this.#response.end(body, 'latin1');
  }

  /** Head and first bytes of an answer that follows in pieces; `length` is its content-length, or -1 for chunked. */
  begin(status: number, headers: RelayedHeaders, length: number): void {
    const response = this.#response;
    const { socket } = response;
    this.#raw =
      length < 0 && socket !== null && response.req.httpVersionMinor === 1 && response.req.httpVersionMajor === 1;
    this.#unframed = length < 0 && !this.#raw;
    socket?.cork();
    this.#head(status, headers, length);
    response.flushHeaders();
    if (socket !== null) process.nextTick(() => socket.uncork());
  }

  /** Whether `writeFramed` may be used; otherwise payload goes through `write`. */
  get framed(): boolean {
    return this.#raw;
  }

  /** Whole chunks with their framing, their bytes as latin1. */
  writeFramed(chunks: string): void {
    const { socket } = this.#response;
    if (socket !== null) writeLater(socket, chunks);
  }

  write(payload: Buffer): void {
    flushWrites();
    if (!this.#raw) {
      this.#response.write(payload);
      return;
    }
    const size = `${payload.length.toString(16)}\r\n`;
    const chunk = Buffer.allocUnsafe(size.length + payload.length + 2);
    chunk.write(size, 0, 'latin1');
    payload.copy(chunk, size.length);
    chunk.write('\r\n', size.length + payload.length, 'latin1');
    this.#response.socket?.write(chunk);
  }

  /** Calls back once when the client has read what it was sent. */
  onceDrained(callback: () => void): void {
    if (this.#onDrain !== undefined) return;
    const target = this.#response.socket ?? this.#response;
    this.#onDrain = () => {
      this.#onDrain = undefined;
      callback();
    };
    target.once('drain', this.#onDrain);
  }

  end(): void {
    flushWrites();
    this.#forgetDrain();
    this.#response.end();
  }

  /** Sends `last`, if any, and cuts: no last chunk, no clean end, since SDKs take a clean end for success. */
  cut(last?: Buffer): void {
    flushWrites();
    this.#forgetDrain();
    const { socket } = this.#response;
    if (socket === null) {
      // It waits behind the answer to an earlier request of its connection, and is to end that in its turn: Node only forgets it.
      this.#response.once('socket', (late: Socket) => late.destroy());
      this.#response.destroy();
    } else if (socket.destroyed) return;
    else if (last === undefined) {
      if (this.#unframed && !('encrypted' in socket)) socket.resetAndDestroy();
      else socket.destroy();
    } else {
      this.write(last);
      socket.destroySoon();
    }
  }

  #head(status: number, headers: RelayedHeaders, length: number): void {
    const response = this.#response;
    if (headers.hasDate) response.sendDate = false;
    // RFC 9110 §8.6: a 204 has none.
    if (length >= 0 && status !== 204) headers.list.push('content-length', String(length));
    response.writeHead(status, headers.list);
  }

  #forgetDrain(): void {
    if (this.#onDrain === undefined) return;
    (this.#response.socket ?? this.#response).off('drain', this.#onDrain);
    this.#onDrain = undefined;
  }
}
