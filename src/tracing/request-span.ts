import type { Backend } from '../backends/backend.ts';
import { ABORTED } from '../pipeline/learn.ts';
import type { Leg } from '../pipeline/leg.ts';
import type { Route } from '../pipeline/route.ts';
import type { RoutedRequest } from '../pipeline/routed-request.ts';
import type { AttemptTrace, RequestTrace } from '../pipeline/trace.ts';
import { AttemptSpan } from './attempt-span.ts';
import { backendAttributes, pathAttributes, routeAttributes } from './known-attributes.ts';
import { integer, KIND, seconds, spanJson, text, yes } from './otlp-json.ts';
import { newSpanId, newTraceId, type TraceContext, withoutTrace } from './trace-context.ts';

/** Where finished spans go. */
export interface SpanSink {
  add(span: string): void;
}

/** A request that is recorded: the span that its client sees of it, parent of all others. */
export class RequestSpan implements RequestTrace {
  readonly routed: RoutedRequest;
  readonly exporter: SpanSink;
  readonly traceId: string;
  readonly spanId = newSpanId();
  /** Two hex digits; the client's, where it sent some. */
  readonly flags: string;
  /** The client's `tracestate`; without a valid parent it has none. */
  readonly state: string | undefined;
  /** Monotonic to Unix ms. Of the request, so that its spans stay in order when the clock is set. */
  readonly offset: number;
  readonly #parentId: string | undefined;

  constructor(routed: RoutedRequest, parent: TraceContext | undefined, now: number, exporter: SpanSink) {
    this.routed = routed;
    this.exporter = exporter;
    this.traceId = parent?.traceId ?? newTraceId();
    this.#parentId = parent?.parentId;
    this.flags = parent?.flags ?? '01';
    this.state = parent && (routed.headers.tracestate as string | undefined);
    this.offset = Date.now() - now;
  }

  get id(): string {
    return this.traceId;
  }

  /** Whether it asks for a stream, as attributes. */
  get stream(): string {
    return this.routed.stream ? STREAM : '';
  }

  headerLines(lines: string): string {
    const { traceparent, tracestate } = this.routed.headers;
    // Each attempt adds its own.
    return traceparent === undefined && tracestate === undefined
      ? lines
      : withoutTrace(lines, this.#parentId !== undefined);
  }

  attempt(route: Route, leg: Leg, backend: Backend, startedAt: number): AttemptTrace {
    return new AttemptSpan(this, route, leg, backend, startedAt);
  }

  queued({ name }: Route, from: number, until: number, error: string | undefined): void {
    const { traceId, spanId, state, offset } = this;
    this.exporter.add(
      spanJson({
        traceId,
        spanId: newSpanId(),
        parentId: spanId,
        state,
        name: 'queue',
        kind: KIND.internal,
        start: from + offset,
        end: until + offset,
        attributes: text('vllm_router.route', name) + (error === undefined ? '' : text('error.type', error)),
        failed: error !== undefined,
      }),
    );
  }

  finished(status: number, error: string, now: number): void {
    const { routed, traceId, spanId, state, offset } = this;
    const left = routed.flag === 'DC';
    this.exporter.add(
      spanJson({
        traceId,
        spanId,
        parentId: this.#parentId,
        state,
        name: `POST ${routed.path}`,
        kind: KIND.server,
        start: routed.startedAt + offset,
        end: now + offset,
        attributes: this.#attributes(left ? ABORTED : error || (status >= 500 ? `${status}` : '')),
        failed: !left && (status >= 500 || routed.cut),
      }),
    );
  }

  #attributes(error: string): string {
    const { routed } = this;
    const { response, route, backend } = routed;
    let list =
      pathAttributes(routed.path).server +
      ('encrypted' in routed.request.socket ? HTTPS : HTTP) +
      hostAttributes(routed.headers.host) +
      this.stream +
      text('vllm_router.request_id', routed.id) +
      text('vllm_router.listener', routed.listener.name);
    if (response.headersSent) list += integer('http.response.status_code', response.statusCode);
    if (routed.askedModel !== '') list += text('gen_ai.request.model', routed.askedModel);
    if (route !== undefined) list += routeAttributes(route);
    if (backend !== undefined) list += backendAttributes(backend.spec).identity;
    list += integer('vllm_router.attempts', routed.attempts);
    if (routed.ttft >= 0) list += seconds('vllm_router.ttft', routed.ttft);
    if (routed.keyName !== '') list += text('vllm_router.key', routed.keyName);
    if (routed.flag !== '-') list += text('vllm_router.flag', routed.flag);
    if (error !== '') list += text('error.type', error);
    return list;
  }
}

const STREAM = yes('gen_ai.request.stream');
const HTTP = text('url.scheme', 'http');
const HTTPS = text('url.scheme', 'https');

const HOST = /^\[?(.*?)\]?(?::(\d+))?$/;

/** The name under which the client knows us. */
function hostAttributes(host: string | undefined): string {
  if (host === lastHost) return lastAttributes;
  const [, name, port] = HOST.exec(host ?? '') ?? [];
  const address = name ? text('server.address', name) : '';
  lastAttributes = address === '' || port === undefined ? address : address + integer('server.port', Number(port));
  lastHost = host;
  return lastAttributes;
}

/** Nearly all clients know the router under the same name. */
let lastHost: string | undefined;
let lastAttributes = '';
