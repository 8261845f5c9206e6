import type { Backend } from '../backends/backend.ts';
import { ABORTED } from '../pipeline/learn.ts';
import type { Leg } from '../pipeline/leg.ts';
import type { Route } from '../pipeline/route.ts';
import type { AttemptTrace } from '../pipeline/trace.ts';
import type { AttemptResult } from '../proxy/attempt-result.ts';
import type { Usage } from '../proxy/usage.ts';
import { backendAttributes, pathAttributes, routeAttributes } from './known-attributes.ts';
import { integer, KIND, seconds, spanJson, text } from './otlp-json.ts';
import type { RequestSpan } from './request-span.ts';
import { newSpanId, traceparentLine } from './trace-context.ts';

/** One attempt at one backend, as the client of it: what the engine makes of it hangs below. */
export class AttemptSpan implements AttemptTrace {
  readonly #request: RequestSpan;
  readonly #spanId = newSpanId();
  readonly #route: Route;
  readonly #backend: Backend;
  readonly #startedAt: number;
  /** Which of the request's this is, from 1. */
  readonly #number: number;
  /** Attempts before it for the same answer. */
  readonly #repeats: number;
  #firstByteAt = -1;
  #ofStream = false;

  constructor(request: RequestSpan, route: Route, leg: Leg, backend: Backend, startedAt: number) {
    this.#request = request;
    this.#route = route;
    this.#backend = backend;
    this.#startedAt = startedAt;
    this.#number = request.routed.attempts;
    this.#repeats = Math.max(0, leg.tried.length - 1);
  }

  get headerLine(): string {
    return traceparentLine(this.#request.traceId, this.#spanId, this.#request.flags);
  }

  firstByte(now: number, ofStream: boolean): void {
    this.#firstByteAt = now;
    this.#ofStream = ofStream;
  }

  finished(now: number, result: AttemptResult, failure: string | undefined, usage: Usage | undefined): void {
    const { traceId, spanId, state, offset, exporter } = this.#request;
    const { role } = this.#route;
    exporter.add(
      spanJson({
        traceId,
        spanId: this.#spanId,
        parentId: spanId,
        state,
        name: role === undefined ? 'attempt' : `attempt ${role}`,
        kind: KIND.client,
        start: this.#startedAt + offset,
        end: now + offset,
        attributes: this.#attributes(result, failure, usage),
        event: this.#firstByteAt < 0 ? undefined : { name: 'first byte', at: this.#firstByteAt + offset },
        failed: failure !== undefined && failure !== ABORTED,
      }),
    );
  }

  #attributes(result: AttemptResult, failure: string | undefined, usage: Usage | undefined): string {
    const { routed, stream } = this.#request;
    const { spec, url } = this.#backend;
    const { identity, address } = backendAttributes(spec);
    let list =
      pathAttributes(routed.path).client +
      address +
      identity +
      routeAttributes(this.#route) +
      stream +
      text('url.full', url + routed.path) +
      text('gen_ai.request.model', routed.model) +
      integer('vllm_router.attempt', this.#number);
    if (this.#repeats > 0) list += integer('http.request.resend_count', this.#repeats);
    const status = statusOf(result);
    if (status !== undefined) list += integer('http.response.status_code', status);
    if (this.#ofStream) list += seconds('gen_ai.response.time_to_first_chunk', this.#firstByteAt - this.#startedAt);
    if (usage !== undefined) {
      list += integer('gen_ai.usage.input_tokens', usage.promptTokens);
      list += integer('gen_ai.usage.output_tokens', usage.completionTokens);
      if (usage.cachedTokens !== undefined) {
        list += integer('gen_ai.usage.cache_read.input_tokens', usage.cachedTokens);
      }
    }
    // The conventions want a status as a bare number.
    if (failure !== undefined) list += text('error.type', failure.replace(/^status_/, ''));
    return list;
  }
}

/** As the backend sent it; an error in a stream's first event came behind a 200. */
function statusOf(result: AttemptResult): number | undefined {
  if (result.type === 'answered') return result.answer.inStream ? 200 : result.answer.status;
  return result.type === 'streamed' || result.type === 'broken' ? result.status : undefined;
}
