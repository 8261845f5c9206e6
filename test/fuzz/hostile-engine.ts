import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Answer } from './upstream-answers.ts';

/** A request as the engine read it, and what it was answered. */
export interface Received {
  readonly line: string;
  /** Lower-case names, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  readonly answer: Answer;
  /** What was wrong with it: nobody may ever send an engine such a request. */
  readonly fault: string | undefined;
}

/** Chooses an answer; `attempt` counts the requests of a case from 0. */
export type Answerer = (id: string, attempt: number, stream: boolean) => Answer;

/** An engine that answers as it is told, and looks closely at what it is asked. Several share one ledger, by case. */
export class HostileEngine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #answer: Answerer;
  readonly #ledger: Map<string, Received[]>;

  private constructor(answer: Answerer, ledger: Map<string, Received[]>) {
    this.#answer = answer;
    this.#ledger = ledger;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  static async start(answer: Answerer, ledger: Map<string, Received[]>): Promise<HostileEngine> {
    const engine = new HostileEngine(answer, ledger);
    await new Promise<void>((resolve) => engine.#server.listen(0, '127.0.0.1', resolve));
    return engine;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.dropAll();
    await closed;
  }

  #accept(socket: Socket): void {
    let received = Buffer.alloc(0);
    let busy = false;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    const next = async (): Promise<void> => {
      if (busy) return;
      const request = readRequest(received);
      if (request === undefined) return;
      busy = true;
      received = received.subarray(request.size);
      await this.#serve(socket, request);
      busy = false;
      if (!socket.destroyed) await next();
    };
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      void next();
    });
  }

  async #serve(socket: Socket, request: ParsedRequest): Promise<void> {
    if (request.line === 'GET /health HTTP/1.1') {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const scrape = request.line === 'GET /metrics HTTP/1.1';
    const id = scrape ? 'metrics' : (request.headers.find(([name]) => name === 'x-case')?.[1] ?? '');
    const record = this.#ledger.get(id) ?? [];
    this.#ledger.set(id, record);
    const answer = this.#answer(id, record.length, request.body.includes('"stream":true'));
    const fault = scrape ? undefined : (request.fault ?? faultOf(request, new URL(this.url).host));
    record.push({ line: request.line, headers: request.headers, body: request.body, answer, fault });
    for (const piece of answer.pieces) {
      if (socket.destroyed) return;
      // Each write is a segment of its own once the kernel has it.
      await new Promise<void>((resolve) => socket.write(piece, () => resolve()));
      if (answer.pause > 0) await new Promise((resolve) => setTimeout(resolve, answer.pause));
    }
    if (answer.end === 'fin') socket.destroySoon();
    else if (answer.end === 'rst') socket.resetAndDestroy();
    // A connection of which a part of an answer is missing takes no other request.
    else if (!answer.complete || answer.mangled) await new Promise((resolve) => socket.once('close', resolve));
  }
}

interface ParsedRequest {
  readonly line: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  readonly size: number;
  readonly fault: string | undefined;
}

function readRequest(bytes: Buffer): ParsedRequest | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = lines.map((text) => {
    const colon = text.indexOf(':');
    return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()] as const;
  });
  const lengths = headers.filter(([name]) => name === 'content-length');
  const length = Number(lengths[0]?.[1] ?? 0);
  const size = end + 4 + length;
  if (bytes.length < size) return undefined;
  const unclear = lengths.length > 1 || (lengths.length === 1 && !/^\d+$/.test(lengths[0]![1]));
  return { line, headers, body: bytes.subarray(end + 4, size), size, fault: unclear ? 'content-length' : undefined };
}

const LINE = /^POST \/[!-~]* HTTP\/1\.1$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect']);
const ONCE = ['host', 'x-request-id', 'x-forwarded-for', 'accept-encoding'];

/** What the router may never send, whatever a client sent it. */
function faultOf({ line, headers, body }: ParsedRequest, authority: string): string | undefined {
  if (!LINE.test(line)) return `request line ${JSON.stringify(line)}`;
  for (const [name, value] of headers) {
    if (!TOKEN.test(name)) return `header name ${JSON.stringify(name)}`;
    if (CONTROL.test(value)) return `header value ${JSON.stringify(value)}`;
    if (HOP_BY_HOP.has(name)) return `hop-by-hop ${name}`;
  }
  for (const name of ONCE) {
    const count = headers.filter(([other]) => other === name).length;
    if (count !== 1) return `${count} of ${name}`;
  }
  const host = headers.find(([name]) => name === 'host')![1];
  if (host !== authority) return `host ${JSON.stringify(host)}`;
  if (body.length === 0) return 'no body';
  return undefined;
}
