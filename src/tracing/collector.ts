import { Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as TlsAgent } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { addresses } from '../addresses.ts';

/** ms for one try, all in all. */
const TIMEOUT = 10_000;
/** ms that an unused connection is kept: servers close theirs unannounced, uvicorn after 5 s. */
const IDLE = 4_000;
/** Bytes of an answer that are read. */
const MAX_ANSWER = 64 * 1024;

const compress = promisify(gzip);
/** Sixteen times smaller in 2 µs a span, on a thread of its own; writing all of it would cost the event loop twice that. */
const LEVEL = 1;

/** Answers after which the same may be sent again (OTLP, "Retryable Response Codes"). */
const AGAIN = new Set([429, 502, 503, 504]);

const ENDED = 'the router ends';

export type Delivery =
  /** `rejected`: how many spans of the batch it has thrown away. */
  | { readonly type: 'accepted'; readonly rejected: number }
  /** `after`: ms that it wants to be left alone for. */
  | { readonly type: 'again'; readonly reason: string; readonly after: number }
  | { readonly type: 'refused'; readonly reason: string };

/** An OTLP endpoint over HTTP, over one connection at a time. */
export class Collector {
  readonly #url: URL;
  readonly #headers: () => Readonly<Record<string, string>>;
  readonly #agent: Agent;
  #request: ClientRequest | undefined;
  #aborted = false;

  /** `headers` are asked for at each try: secrets change. */
  constructor(url: string, headers: () => Readonly<Record<string, string>>) {
    this.#url = new URL(url);
    this.#headers = headers;
    const options = { keepAlive: true, maxSockets: 1, timeout: IDLE, lookup: addresses.lookup };
    this.#agent = this.#url.protocol === 'https:' ? new TlsAgent(options) : new Agent(options);
  }

  /** Never rejects. */
  async deliver(payload: Buffer): Promise<Delivery> {
    const body = await compress(payload, { level: LEVEL });
    const first = await this.#try(body);
    if (first !== 'stale') return first;
    const second = await this.#try(body);
    return second === 'stale' ? { type: 'again', reason: 'ECONNRESET', after: 0 } : second;
  }

  /** Ends what is under way, and lets nothing more begin. */
  abort(): void {
    this.#aborted = true;
    this.#request?.destroy(new Error(ENDED));
    this.#agent.destroy();
  }

  #try(body: Buffer): Promise<Delivery | 'stale'> {
    if (this.#aborted) return Promise.resolve({ type: 'again', reason: ENDED, after: 0 });
    return new Promise((resolve) => {
      const send = this.#url.protocol === 'https:' ? requestHttps : requestHttp;
      const headers = {
        'user-agent': 'vllm-router',
        ...this.#headers(),
        'content-type': 'application/json',
        'content-encoding': 'gzip',
        'content-length': body.length,
      };
      const fail = (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        // The collector had closed a connection that lay idle; nothing is wrong with it.
        if (request.reusedSocket && error.code === 'ECONNRESET') resolve('stale');
        else resolve({ type: 'again', reason: error.code ?? error.message, after: 0 });
      };
      const request = send(this.#url, { method: 'POST', agent: this.#agent, headers }, (response) => {
        response.on('error', fail);
        void readAnswer(response).then((answer) => {
          clearTimeout(timer);
          resolve(deliveryOf(response, answer));
        });
      });
      this.#request = request;
      const timer = setTimeout(() => request.destroy(new Error('no answer in time')), TIMEOUT);
      request.on('error', fail);
      request.end(body);
    });
  }
}

/** Resolves when it is complete; never, when the response fails. */
function readAnswer(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let body = '';
    response.setEncoding('latin1');
    response.on('data', (piece: string) => {
      if (body.length < MAX_ANSWER) body += piece;
      else response.destroy(new Error('the answer is too long'));
    });
    response.once('end', () => resolve(body));
  });
}

function deliveryOf({ statusCode: status = 0, headers }: IncomingMessage, body: string): Delivery {
  if (status >= 200 && status < 300) return { type: 'accepted', rejected: rejectedOf(body) };
  const reason = `status ${status}`;
  if (!AGAIN.has(status)) return { type: 'refused', reason };
  const seconds = Number(headers['retry-after']);
  return { type: 'again', reason, after: seconds > 0 ? seconds * 1_000 : 0 };
}

/** `{"partialSuccess":{"rejectedSpans":"3"}}` */
function rejectedOf(body: string): number {
  try {
    const rejected = Number(JSON.parse(body)?.partialSuccess?.rejectedSpans ?? 0);
    return rejected > 0 ? rejected : 0;
  } catch {
    return 0;
  }
}
