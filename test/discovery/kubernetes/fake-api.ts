import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Agent } from 'undici';
import { KubeApi } from '../../../src/discovery/kubernetes/api.ts';

export interface Call {
  readonly url: URL;
  readonly authorization: string | undefined;
  readonly response: ServerResponse;
  list(version: string, ...items: unknown[]): void;
  /** Answers a watch; it stays open. */
  watch(...events: unknown[]): void;
  status(code: number, message?: string, headers?: Record<string, string>): void;
}

/** An API server whose every answer the test gives by hand, for what a real one cannot be made to do on order. */
export class FakeApi {
  readonly api: KubeApi;
  /** Read for each request. */
  tokens: string[] = ['t'];
  readonly #agent = new Agent();
  readonly #server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://api');
    const json = { 'content-type': 'application/json' };
    const call: Call = {
      url,
      authorization: request.headers.authorization,
      response,
      list(version, ...items) {
        const text = JSON.stringify({ kind: 'PodList', metadata: { resourceVersion: version }, items });
        response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(text));
      },
      watch(...events) {
        response.writeHead(200, json).flushHeaders();
        for (const event of events) response.write(`${JSON.stringify(event)}\n`);
      },
      status(code, message = 'no', headers = {}) {
        response.writeHead(code, { ...json, ...headers }).end(JSON.stringify({ kind: 'Status', message }));
      },
    };
    const waiting = this.#waiting.shift();
    if (waiting) waiting(call);
    else this.#calls.push(call);
  });
  readonly #calls: Call[] = [];
  readonly #waiting: ((call: Call) => void)[] = [];

  private constructor() {
    this.api = new KubeApi({
      connection: async (fresh) => {
        if (fresh && this.tokens.length > 1) this.tokens.shift();
        return {
          server: this.url,
          dispatcher: this.#agent,
          headers: { authorization: `Bearer ${this.tokens[0]}` },
        };
      },
      namespace: async () => 'ns',
      close: async () => {},
    });
  }

  static async start(): Promise<FakeApi> {
    const fake = new FakeApi();
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next request, `list` or `watch` as wanted. */
  async next(kind: 'list' | 'watch'): Promise<Call> {
    const call = this.#calls.shift() ?? (await new Promise<Call>((resolve) => this.#waiting.push(resolve)));
    const is = call.url.searchParams.has('watch') ? 'watch' : 'list';
    if (is !== kind) throw new Error(`a ${is} came, not a ${kind}: ${call.url.search}`);
    return call;
  }

  async stop(): Promise<void> {
    await this.#agent.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
