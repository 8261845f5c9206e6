import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { writeLater } from '../write-batch.ts';
import type { ClientResponse } from './client-exchange.ts';
import { dateLine } from './date-line.ts';
import type { PlainRequest } from './plain-request.ts';

/** ms. Above the 60 s idle time-out of common load balancers, so that they close first and no request meets a closing socket. */
export const KEEP_ALIVE = 65_000;
/** As `node:http` says it; clients take the hint and do not reuse a connection that is about to close. */
const KEEP_ALIVE_LINES = `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE / 1000}\r\n`;
const INVALID_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** What a response needs of its connection. */
export interface ResponseOwner {
  /** The answer is out. `close`: it was the connection's last. */
  onAnswered(close: boolean): void;
}

/**
 * The response to a plain request, with the names of `node:http`'s ServerResponse and none of its generality: what is written goes to the
 * socket as it is, a small answer in one write.
 */
export class PlainResponse implements ClientResponse {
  readonly req: PlainRequest;
  readonly #owner: ResponseOwner;
  readonly #extra: [name: string, value: string][] = [];
  readonly #onClose: (() => void)[] = [];
  /** A head that has not left yet. */
  #head = '';
  #chunked = false;
  #close = false;
  socket: Socket | null;
  statusCode = 200;
  headersSent = false;
  writableEnded = false;
  writableFinished = false;
  destroyed = false;
  sendDate = true;

  constructor(request: PlainRequest, owner: ResponseOwner) {
    this.req = request;
    this.socket = request.socket;
    this.#owner = owner;
  }

  get writableNeedDrain(): boolean {
    return this.socket?.writableNeedDrain ?? false;
  }

  setHeader(name: string, value: string): void {
    const lower = name.toLowerCase();
    const known = this.#extra.find(([other]) => other.toLowerCase() === lower);
    if (known === undefined) this.#extra.push([name, value]);
    else known[1] = value;
  }

  /** `headers` take the place of those that were set before under the same name. Throws on a value that no header can have. */
  writeHead(status: number, headers: string[] | Record<string, string | number>): void {
    if (this.headersSent) throw new Error('the head has been written');
    this.headersSent = true;
    this.statusCode = status;
    const list = Array.isArray(headers) ? headers : Object.entries(headers).flat();
    let lines = '';
    let framed = status === 204 || status === 304;
    let dated = !this.sendDate;
    for (let index = 0; index < list.length; index += 2) {
      const name = String(list[index]);
      const value = String(list[index + 1]);
      if (INVALID_VALUE.test(value)) throw new TypeError(`invalid value of the header ${name}`);
      lines += `${name}: ${value}\r\n`;
      if (name.length === 14) framed ||= name.toLowerCase() === 'content-length';
      else if (name.length === 10) this.#close ||= name.toLowerCase() === 'connection' && value === 'close';
      else if (name.length === 4) dated ||= name.toLowerCase() === 'date';
    }
    if (this.#extra.length > 0) lines += this.#extraLines(list);
    if (!dated) lines += dateLine();
    if (!this.#close) lines += KEEP_ALIVE_LINES;
    this.#chunked = !framed;
    if (this.#chunked) lines += 'Transfer-Encoding: chunked\r\n';
    this.#head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n${lines}\r\n`;
  }

  flushHeaders(): void {
    const head = this.#takeHead();
    if (head !== '') this.socket?.write(head, 'latin1');
  }

  write(chunk: Buffer): boolean {
    const { socket } = this;
    if (socket === null || this.writableEnded || chunk.length === 0) return true;
    socket.cork();
    this.flushHeaders();
    if (this.#chunked) socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    const room = socket.write(chunk);
    if (this.#chunked) socket.write('\r\n', 'latin1');
    socket.uncork();
    return room;
  }

  end(last?: string | Buffer, encoding: 'latin1' | 'utf8' = 'utf8'): void {
    const { socket } = this;
    if (this.writableEnded) return;
    this.writableEnded = true;
    if (socket === null) return;
    if (!this.headersSent) this.writeHead(this.statusCode, ['content-length', '0']);
    const done = () => this.#flushed();
    if (typeof last === 'string' && encoding === 'latin1' && !this.#chunked) {
      writeLater(socket, this.#takeHead() + last, done);
      return;
    }
    const bytes = typeof last === 'string' ? Buffer.from(last, encoding) : last;
    socket.cork();
    this.flushHeaders();
    if (this.#chunked) {
      const size = bytes?.length ? `${bytes.length.toString(16)}\r\n` : '';
      if (size !== '') socket.write(size, 'latin1');
      if (size !== '') socket.write(bytes!);
      socket.write(size === '' ? '0\r\n\r\n' : '\r\n0\r\n\r\n', 'latin1', done);
    } else if (bytes !== undefined) socket.write(bytes, done);
    else socket.write('', done);
    socket.uncork();
  }

  /** Takes the connection along, as nothing can be said on it any more. */
  destroy(): void {
    this.socket?.destroy();
  }

  once(event: string, listener: (...args: never[]) => void): void {
    // The socket is there from the beginning; whoever waits for room waits at the socket.
    if (event === 'close') this.#onClose.push(listener as () => void);
  }

  off(event: string, listener: () => void): void {
    const index = event === 'close' ? this.#onClose.indexOf(listener) : -1;
    if (index >= 0) this.#onClose.splice(index, 1);
  }

  /** The connection is gone. */
  lost(): void {
    if (this.socket === null) return;
    this.socket = null;
    this.destroyed = true;
    this.#over();
  }

  #flushed(): void {
    // Of a connection that is gone, its end tells.
    if (this.socket === null || this.socket.destroyed) return;
    this.socket = null;
    this.writableFinished = true;
    this.#over();
    this.#owner.onAnswered(this.#close);
  }

  #over(): void {
    for (const listener of this.#onClose.splice(0)) listener();
  }

  #takeHead(): string {
    if (!this.headersSent) this.writeHead(this.statusCode, []);
    const head = this.#head;
    this.#head = '';
    return head;
  }

  #extraLines(list: readonly (string | number)[]): string {
    let lines = '';
    for (const [name, value] of this.#extra) {
      const lower = name.toLowerCase();
      if (list.some((other, index) => index % 2 === 0 && String(other).toLowerCase() === lower)) continue;
      if (INVALID_VALUE.test(value)) throw new TypeError(`invalid value of the header ${name}`);
      if (lower === 'connection' && value === 'close') this.#close = true;
      lines += `${name}: ${value}\r\n`;
    }
    return lines;
  }
}
