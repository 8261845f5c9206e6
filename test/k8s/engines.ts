import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The least that discovery needs of an engine. */
export class Engine {
  models: unknown[] = [];
  /** Absent: no sleep mode. */
  asleep: boolean | undefined;
  /** `hang` accepts and never answers. */
  mode: 'ok' | 'error' | 'hang' = 'ok';
  /** Paths asked so far. */
  readonly asked: string[] = [];
  readonly authorizations: (string | undefined)[] = [];
  /** Addresses that were asked for `/v1/models`. */
  readonly addresses = new Set<string>();
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#note(request);
      if (this.mode === 'hang') return;
      response.setHeader('content-type', 'application/json');
      if (this.mode === 'error') response.statusCode = 500;
      if (request.url === '/v1/models') response.end(JSON.stringify({ object: 'list', data: this.models }));
      else if (request.url === '/is_sleeping' && this.asleep !== undefined) {
        response.end(JSON.stringify({ is_sleeping: this.asleep }));
      } else {
        response.statusCode = 404;
        response.end('{}');
      }
    });
  }

  /** Listens on a free port of `host`; 0.0.0.0 answers for every loopback address. */
  static async start(models: readonly string[], host = '127.0.0.1', port = 0): Promise<Engine> {
    const engine = new Engine();
    engine.models = models.map((id) => card(id));
    await new Promise<void>((resolve, reject) => {
      engine.#server.once('error', reject).listen(port, host, resolve);
    });
    return engine;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves at the next request for `path` that comes from now on. */
  async nextRequest(path: string): Promise<void> {
    const before = this.asked.filter((one) => one === path).length;
    while (this.asked.filter((one) => one === path).length === before) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** May be called again. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #note(request: IncomingMessage): void {
    this.asked.push(request.url ?? '');
    this.authorizations.push(request.headers.authorization);
    this.addresses.add(request.socket.localAddress ?? '');
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** As vLLM: `created` is made anew for each answer. */
export function card(id: string, parent: string | null = null) {
  return {
    id,
    object: 'model',
    get created() {
      return Math.floor(Date.now() / 1000);
    },
    owned_by: 'vllm',
    root: id,
    parent,
  };
}
