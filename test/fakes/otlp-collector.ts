import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';

type Value = string | number | boolean;

/** A span as a collector reads it. Times are Unix ms. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  readonly name: string;
  readonly kind: number;
  readonly start: number;
  readonly end: number;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly events: readonly { readonly name: string; readonly at: number }[];
  /** 2: it failed. */
  readonly status: number;
  readonly service: string;
}

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** As it stands in the JSON. */
interface RawSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly RawAttribute[];
  readonly events?: readonly { readonly name: string; readonly timeUnixNano: string }[];
  readonly status?: { readonly code: number };
}

interface RawAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, Value>>;
}

interface Payload {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly RawAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[];
  }[];
}

/** A collector of traces over HTTP, which keeps what it gets. `answer` says what it does with a request once it has all of it. */
export class OtlpCollector {
  readonly requests: Received[] = [];
  readonly spans: ReceivedSpan[] = [];
  answer: (response: ServerResponse) => void = accept;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<() => void>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', (request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.once('end', () => {
        const body = gunzipSync(Buffer.concat(pieces)).toString();
        this.requests.push({ path: request.url!, headers: request.headers, body });
        if (this.answer === accept) this.spans.push(...readSpans(body));
        this.answer(response);
        for (const watch of [...this.#watchers]) watch();
      });
    });
  }

  static async start(port = 0): Promise<OtlpCollector> {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new OtlpCollector(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Spans of one trace once `complete` holds for them, the parents first. */
  async trace(complete: (spans: readonly ReceivedSpan[]) => boolean, id?: string): Promise<ReceivedSpan[]> {
    const spans = () => this.spans.filter(({ traceId }) => id === undefined || traceId === id);
    await this.until(() => complete(spans()));
    return spans().sort((a, b) => a.start - b.start || a.kind - b.kind);
  }

  /** Resolves when `condition` holds after some request; rejects after `timeout` ms. */
  async until(condition: () => boolean, timeout = 15_000): Promise<void> {
    const deadline = performance.now() + timeout;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new Error(
          `not within ${timeout} ms: ${condition}; spans: ${this.spans.map(({ name }) => name).join(', ')}`,
        );
      }
      await this.#more(left);
    }
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #more(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const watch = () => {
        clearTimeout(timer);
        this.#watchers.delete(watch);
        resolve();
      };
      const timer = setTimeout(watch, ms);
      this.#watchers.add(watch);
    });
  }
}

export function accept(response: ServerResponse): void {
  response.setHeader('content-type', 'application/json');
  response.end('{"partialSuccess":{}}');
}

export function readSpans(body: string): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(body) as Payload;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(plain(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => received(span, service)));
  });
}

function received(raw: RawSpan, service: string): ReceivedSpan {
  const { traceId, spanId, parentSpanId, traceState, name, kind } = raw;
  return {
    ...{ traceId, spanId, parentSpanId, traceState, name, kind, service },
    start: unixMs(raw.startTimeUnixNano),
    end: unixMs(raw.endTimeUnixNano),
    attributes: plain(raw.attributes),
    events: (raw.events ?? []).map((event) => ({ name: event.name, at: unixMs(event.timeUnixNano) })),
    status: raw.status?.code ?? 0,
  };
}

function plain(attributes: readonly RawAttribute[]): Record<string, Value> {
  const entries = attributes.map(({ key, value }) => {
    const [[type, content]] = Object.entries(value) as [[string, Value]];
    return [key, type === 'intValue' ? Number(content) : content] as const;
  });
  return Object.fromEntries(entries);
}

function unixMs(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / 1_000n) / 1_000;
}
