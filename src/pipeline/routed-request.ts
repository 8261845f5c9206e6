import type { IncomingHttpHeaders } from 'node:http';
import type { PickRequest } from '../algorithms/algorithm.ts';
import type { Backend } from '../backends/backend.ts';
import type { Exchange } from '../backends/pool.ts';
import type { ListenerConfig } from '../config/config.ts';
import { type ApiKind, apiKind } from '../proxy/api-kind.ts';
import { type BodyMemory, releaseBody } from '../proxy/body-budget.ts';
import type { ClientRequest, ClientResponse } from '../proxy/client/client-exchange.ts';
import type { ReadBody } from '../proxy/client/plain-body.ts';
import type { JsonMembers } from '../proxy/json-scan.ts';
import type { Usage } from '../proxy/usage.ts';
import type { Endpoint } from './endpoints.ts';
import { Explanation } from './explanation.ts';
import type { NameMatcher } from './glob.ts';
import type { Route } from './route.ts';
import type { Snapshot } from './snapshot.ts';
import type { RequestTrace } from './trace.ts';

/** Members that hold a prompt, by the API that uses them. */
const PROMPT_MEMBERS = ['messages', 'prompt', 'input', 'text'];

/** Envoy's response flags, where one fits: why a request ended other than well. */
export type Flag = '-' | 'UF' | 'UC' | 'UT' | 'SI' | 'UH' | 'UO' | 'DC' | 'UPE' | 'DPE' | 'NR' | 'OM';

/** One forwarded request on its way through the pipeline: what each middleware learns, the next ones read. */
export class RoutedRequest implements PickRequest {
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  readonly endpoint: Endpoint;
  /** Path without query. */
  readonly path: string;
  /** `?…`, or empty. */
  readonly query: string;
  readonly kind: ApiKind;
  readonly id: string;
  readonly snapshot: Snapshot;
  readonly listener: ListenerConfig;
  /** Monotonic ms. */
  readonly startedAt: number;
  /** Name of the key the client came with; empty on an open listener. */
  keyName = '';
  /** The models that key may use; undefined: all. */
  mayUse: NameMatcher | undefined;
  /** As it came; whoever has it gives its memory back, by `dropBody`. */
  received: ReadBody | undefined;
  /** What goes to the backend; the bytes that came, but for an alias. Empty once it is dropped. */
  body: Buffer = EMPTY;
  members: JsonMembers | undefined;
  /** Sockets that may still read the body although their attempts are over. */
  #readers = 0;
  /** Of the body that is dropped, while somebody may read it. */
  #dropped: BodyMemory | undefined;
  /** Present where the client asked and may know. */
  readonly explanation: Explanation | undefined;
  /** As the client asked. */
  askedModel = '';
  /** After aliases. */
  model = '';
  route: Route | undefined;
  /** Present where the snapshot has a tracer. */
  trace: RequestTrace | undefined;
  /** Some backend has served it at some time. */
  modelSeen = false;
  /** `?id=`: only this backend. */
  pinned: Backend | undefined;
  /** Seen on the way, for the access log and metrics. */
  backend: Backend | undefined;
  /** The one that runs now: a client that leaves ends it. */
  attempt: { leave(): void } | undefined;
  attempts = 0;
  /** The body asks for a stream: its first byte comes early, an answer's only with its end. */
  stream = false;
  ttft = -1;
  usage: Usage | undefined;
  flag: Flag = '-';
  bytes = 0;
  /** A stream that had begun was cut off. */
  cut = false;
  /** Code of the error the client got, or of what broke the stream. */
  error = '';

  constructor(init: {
    request: ClientRequest;
    response: ClientResponse;
    endpoint: Endpoint;
    query: string;
    id: string;
    snapshot: Snapshot;
    listener: ListenerConfig;
    startedAt: number;
  }) {
    this.request = init.request;
    this.response = init.response;
    this.endpoint = init.endpoint;
    this.path = init.endpoint.path;
    this.query = init.query;
    this.kind = apiKind(init.endpoint.path);
    this.id = init.id;
    this.snapshot = init.snapshot;
    this.listener = init.listener;
    this.startedAt = init.startedAt;
    const explained = init.listener.allowExplain && init.request.headers['x-router-explain'] === '1';
    this.explanation = explained ? new Explanation(init.response) : undefined;
  }

  get headers(): IncomingHttpHeaders {
    return this.request.headers;
  }

  /** The client is gone, or its answer is complete. */
  get over(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  /** Nobody asks for it any more. To be called as often as one likes. */
  dropBody(): void {
    const { received } = this;
    this.body = EMPTY;
    this.members = undefined;
    this.received = undefined;
    if (received === undefined) return;
    this.#dropped = received;
    // Whoever waits for the answer may still have the object in a variable.
    received.body = EMPTY;
    this.#release();
  }

  /** The attempt is over, and its socket may still read the body. */
  bodyReadBy(exchange: Pick<Exchange, 'whenBodyFree'>): void {
    this.#readers++;
    exchange.whenBodyFree(() => {
      this.#readers--;
      this.#release();
    });
  }

  #release(): void {
    if (this.#readers > 0 || this.#dropped === undefined) return;
    releaseBody(this.#dropped);
    this.#dropped = undefined;
  }

  bodyField(name: string): string | undefined {
    const value = this.members?.value(name);
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
  }

  promptRange(): readonly [start: number, end: number] | undefined {
    if (this.members === undefined) return undefined;
    for (const name of PROMPT_MEMBERS) {
      const range = this.members.range(name);
      if (range !== undefined) return range;
    }
    return undefined;
  }
}

const EMPTY = Buffer.alloc(0);
