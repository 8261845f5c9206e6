import type { Backend, RunningAttempt } from '../backends/backend.ts';
import type { Outcome } from '../backends/breaker.ts';
import type { Exchange } from '../backends/pool.ts';
import type { ClientWriter } from '../proxy/client-writer.ts';
import { type AttemptResult, type FailureReason, Relay, type RelayHooks } from '../proxy/relay.ts';
import { withBackendKey } from '../proxy/request-headers.ts';
import { askedChoices } from './choices.ts';
import type { Forwarding } from './forward.ts';
import type { RoutedRequest } from './routed-request.ts';
import type { AttemptTelemetry } from './telemetry.ts';

/**
 * One try of a request at one backend. It owns the backend's counts for as long as it runs, so that they return to zero however
 * it ends, and it can be ended from outside by whoever watches the backend.
 */
export class Attempt implements RunningAttempt, RelayHooks {
  readonly routed: RoutedRequest;
  readonly backend: Backend;
  readonly startedAt: number;
  readonly #deps: Forwarding;
  readonly #telemetry: AttemptTelemetry;
  readonly #uncachedTokens: number;
  #relay!: Relay;
  #exchange!: Exchange;
  #awaitsFirstByte = true;

  constructor(routed: RoutedRequest, backend: Backend, deps: Forwarding) {
    this.routed = routed;
    this.backend = backend;
    this.#deps = deps;
    this.startedAt = deps.now();
    this.#telemetry = deps.telemetry.attempt(backend.url, routed.model, this.startedAt);
    this.#uncachedTokens = Math.round(routed.route!.algorithm.uncachedTokens?.(backend, routed) ?? 0);
  }

  get streaming(): boolean {
    return this.#relay.streaming;
  }

  get lastByteAt(): number {
    return this.#relay.lastByteAt;
  }

  /** Waiting for a client that does not read, so silence is not the engine's. */
  get paused(): boolean {
    return this.#relay.paused;
  }

  run(client: ClientWriter, headerLines: string): Promise<AttemptResult> {
    const { routed, backend } = this;
    return new Promise((resolve) => {
      this.#relay = new Relay(client, routed.kind, routed.id, this, (result) => {
        this.#end(result);
        resolve(result);
      });
      this.#begin();
      const key = backend.spec.apiKey && this.#deps.resolveSecret(backend.spec.apiKey);
      const request = {
        method: 'POST',
        path: routed.path + routed.query,
        headerLines: key === undefined ? headerLines : withBackendKey(headerLines, key),
        body: routed.body,
      };
      this.#exchange = backend.pool.send(request, this.#relay, routed.route!.config.timeouts.connect);
      this.#relay.attach(this.#exchange);
    });
  }

  fail(reason: FailureReason): void {
    this.#relay.fail(reason);
  }

  /** The client has left. */
  leave(): void {
    this.#relay.leave();
  }

  now(): number {
    return this.#deps.now();
  }

  get choices(): number {
    return this.routed.stream ? askedChoices(this.routed.members) : 1;
  }

  onFirstByte(now: number, ofStream: boolean): void {
    this.#firstByteSeen();
    this.routed.ttft = now - this.routed.startedAt;
    if (ofStream) this.#telemetry.firstToken(now);
    this.routed.route!.algorithm.observe?.({ type: 'first-byte', request: this.routed, candidate: this.backend });
  }

  onPiece(now: number): void {
    this.#telemetry.token(now);
  }

  #begin(): void {
    const { routed, backend } = this;
    const { load } = backend;
    load.dispatched();
    load.addUncached(this.#uncachedTokens);
    backend.attempts.add(this);
    backend.breaker.dispatched();
    routed.attempts++;
    routed.backend = backend;
    routed.route!.algorithm.observe?.({ type: 'dispatched', request: routed, candidate: backend });
  }

  #end(result: AttemptResult): void {
    const { routed, backend } = this;
    const now = this.#deps.now();
    const beforeFirstByte = this.#awaitsFirstByte;
    this.#firstByteSeen();
    backend.load.finished();
    if (!this.#exchange.bodySent) routed.bodyInUse = true;
    backend.attempts.delete(this);
    backend.breaker.record(outcomeOf(result), now, routed.route!.config.circuitBreaker);
    routed.bytes += this.#relay.bytes;
    const usage = usageOf(result);
    if (usage !== undefined) {
      routed.usage = usage;
      const { promptTokens, cachedTokens } = usage;
      routed.route!.algorithm.observe?.({
        type: 'usage',
        request: routed,
        candidate: backend,
        promptTokens,
        cachedTokens,
      });
    }
    const failure = failureOf(result);
    routed.route!.algorithm.observe?.({
      type: 'finished',
      request: routed,
      candidate: backend,
      ok: failure === undefined,
      beforeFirstByte,
    });
    if (usage !== undefined) this.#telemetry.usage(usage.promptTokens, usage.completionTokens);
    if (failure === undefined) this.#telemetry.finished(now, 'success');
    else if (failure === ABORTED) this.#telemetry.finished(now, 'aborted');
    else this.#telemetry.failed(now, failure);
    this.#deps.registry.released(backend);
  }

  #firstByteSeen(): void {
    if (!this.#awaitsFirstByte) return;
    this.#awaitsFirstByte = false;
    this.backend.load.addUncached(-this.#uncachedTokens);
  }
}

/**
 * What the breaker hears. 5xx but admission (503 of a full engine says it is alive) count against it; a 4xx and a client that left
 * say nothing; neither does the end of a stream that the router itself cut.
 */
function outcomeOf(result: AttemptResult): Outcome {
  switch (result.type) {
    case 'answered':
      if (result.answer.status < 400) return 'success';
      return result.answer.status >= 500 && result.answer.status !== 503 ? 'failure' : 'neutral';
    case 'streamed':
      return result.observer.failed ? 'failure' : 'success';
    case 'left':
      return 'neutral';
    default:
      return result.reason === 'total_timeout' || result.reason === 'shutdown' ? 'neutral' : 'failure';
  }
}

const ABORTED = 'aborted';

/** Undefined for success, ABORTED where somebody stopped it on purpose, else the reason as metrics name it. */
function failureOf(result: AttemptResult): string | undefined {
  switch (result.type) {
    case 'answered':
      return result.answer.status < 400 ? undefined : `status_${result.answer.status}`;
    case 'streamed':
      if (result.observer.failed) return 'error_event';
      return result.observer.aborted ? ABORTED : undefined;
    case 'left':
      return ABORTED;
    default:
      return result.reason;
  }
}

function usageOf(result: AttemptResult) {
  if (result.type === 'answered') return result.answer.usage;
  return result.type === 'streamed' ? result.observer.usage : undefined;
}
