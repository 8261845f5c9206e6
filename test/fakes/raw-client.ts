import { connect, type Socket } from 'node:net';
import { type ParsedResponse, parseResponse } from './framing.ts';

/** How a connection stands after a response: `open`, or ended by `fin` or `rst`. */
export type End = 'open' | 'fin' | 'rst';

export interface RawResponse extends ParsedResponse {
  /** Everything as it came, head included. */
  readonly raw: Buffer;
  readonly end: End;
  /** Framing complete: the response was not broken off. */
  readonly clean: boolean;
}

export interface RawRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string or bytes as they are; anything else as JSON. */
  readonly body?: unknown;
}

/** The bytes of a request with `host`, and with a body `content-length` and JSON's `content-type`, unless given. */
export function requestBytes(request: RawRequest, host: string): Buffer {
  const { body } = request;
  const bytes =
    body === undefined
      ? undefined
      : Buffer.isBuffer(body)
        ? body
        : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const headers: Record<string, string> = { host };
  if (bytes) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = String(bytes.length);
  }
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  const method = request.method ?? (bytes ? 'POST' : 'GET');
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${method} ${request.path ?? '/'} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
  return bytes ? Buffer.concat([head, bytes]) : head;
}

/** A client on a bare socket: it sees what an HTTP library hides. */
export class RawClient {
  readonly socket: Socket;
  readonly host: string;
  /** Bytes received and not yet taken by `response`. */
  received: Buffer = Buffer.alloc(0);
  end: End = 'open';
  private readonly watchers = new Set<() => void>();

  private constructor(socket: Socket, host: string) {
    this.socket = socket;
    this.host = host;
    socket.on('data', (data: Buffer) => {
      this.received = this.received.length === 0 ? data : Buffer.concat([this.received, data]);
      this.wake();
    });
    socket.on('end', () => this.ended('fin'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.ended(error.code === 'ECONNRESET' ? 'rst' : 'fin'));
    socket.on('close', () => this.ended('fin'));
  }

  /** `url` like `http://127.0.0.1:8001`; its path is not used. */
  static async open(url: string): Promise<RawClient> {
    const { hostname, port, host } = new URL(url);
    // The client's own side stays open when the server has ended: it must see what is still to come.
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port),
      noDelay: true,
      allowHalfOpen: true,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawClient(socket, host);
  }

  /** On a connection that is there already, with TLS for instance. */
  static on(socket: Socket, host: string): RawClient {
    return new RawClient(socket, host);
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Resolves when the system has taken all that was sent. */
  flushed(): Promise<void> {
    return new Promise((resolve) => this.socket.write('', () => resolve()));
  }

  /** Sends a request and reads its response to the end of its framing, or of the connection. */
  async request(request: RawRequest): Promise<RawResponse> {
    this.send(requestBytes(request, this.host));
    return this.response(request.method);
  }

  /** The next response, however it ends. Rejects when the connection ends before a whole head came. */
  async response(method = 'GET'): Promise<RawResponse> {
    for (;;) {
      const ended = this.end !== 'open';
      const parsed = parseResponse(this.received, method, ended);
      if (parsed && (parsed.complete || ended)) {
        const raw = this.received.subarray(0, parsed.size);
        this.received = this.received.subarray(parsed.size);
        return { ...parsed, raw, end: this.end, clean: parsed.complete };
      }
      if (ended) throw new Error(`connection ended (${this.end}) after ${this.received.length} bytes of head`);
      await this.more();
    }
  }

  /** Resolves once the bytes received so far satisfy `condition`; rejects when the connection ends before. */
  async until(condition: (received: Buffer) => boolean): Promise<void> {
    while (!condition(this.received)) {
      if (this.end !== 'open')
        throw new Error(
          `connection ended (${this.end}): ${JSON.stringify(this.received.toString('latin1').slice(-300))}`,
        );
      await this.more();
    }
  }

  /** Resolves with how the server ended the connection. */
  async closed(): Promise<End> {
    while (this.end === 'open') await this.more();
    return this.end;
  }

  /** Leaves at once. */
  destroy(): void {
    this.socket.destroy();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  private more(): Promise<void> {
    return new Promise((resolve) => {
      const watch = () => {
        this.watchers.delete(watch);
        resolve();
      };
      this.watchers.add(watch);
    });
  }

  private ended(how: End): void {
    if (this.end === 'open') this.end = how;
    this.wake();
  }

  private wake(): void {
    for (const watch of [...this.watchers]) watch();
  }
}

/** One request on a connection of its own, which is left afterwards. */
export async function rawRequest(url: string, request: RawRequest): Promise<RawResponse> {
  const client = await RawClient.open(url);
  try {
    return await client.request(request);
  } finally {
    client.destroy();
  }
}

/** Resolves once nothing listens there any more. */
export async function untilRefused(url: string): Promise<void> {
  for (;;) {
    try {
      (await RawClient.open(url)).destroy();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return;
    }
  }
}
