import type { Backend, RunningAttempt } from '../backends/backend.ts';
import type { Outcome } from '../backends/breaker.ts';
import type { ClientWriter } from '../proxy/client-writer.ts';
import { type AttemptResult, type FailureReason, Relay, type RelayHooks } from '../proxy/relay.ts';
import { withBackendKey } from '../proxy/request-headers.ts';
import type { Forwarding } from './forward.ts';
import type { RoutedRequest } from './routed-request.ts';
import type { AttemptEnd, AttemptTelemetry } from './telemetry.ts';

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
  #awaitsFirstByte = true;

  constructor(routed: RoutedRequest, backend: Backend, deps: Forwarding) {
    this.routed = routed;
    this.backend = backend;
    this.#deps = deps;
    this.startedAt = deps.now();
    this.#telemetry = deps.telemetry.attempt(backend.url, routed.model);
    this.#uncachedTokens = routed.route!.algorithm.uncachedTokens?.(backend, routed) ?? 0;
  }

  get streaming(): boolean {
    return this.#relay.streaming;
  }

  get lastByteAt(): number {
    return this.#relay.lastByteAt;
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
      this.#relay.attach(backend.pool.send(request, this.#relay, routed.route!.config.timeouts.connect));
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

  onFirstByte(now: number): void {
    this.#firstByteSeen();
    const elapsed = now - this.startedAt;
    this.routed.ttft = now - this.routed.startedAt;
    this.#telemetry.firstByte(elapsed);
    this.routed.route!.algorithm.observe?.({ type: 'first-byte', request: this.routed, candidate: this.backend });
  }

  onPiece(sinceLast: number): void {
    this.#telemetry.piece(sinceLast);
  }

  #begin(): void {
    const { routed, backend } = this;
    const { load } = backend;
    load.inflight++;
    load.processed++;
    load.sinceScrape++;
    load.uncachedTokens += this.#uncachedTokens;
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
    backend.load.inflight--;
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
    const end = describeEnd(result);
    routed.route!.algorithm.observe?.({
      type: 'finished',
      request: routed,
      candidate: backend,
      ok: end.result === 'success',
      beforeFirstByte,
    });
    this.#telemetry.ended({
      ...end,
      elapsed: now - this.startedAt,
      promptTokens: usage?.promptTokens ?? 0,
      completionTokens: usage?.completionTokens ?? 0,
    });
    this.#deps.registry.released(backend);
  }

  #firstByteSeen(): void {
    if (!this.#awaitsFirstByte) return;
    this.#awaitsFirstByte = false;
    this.backend.load.uncachedTokens -= this.#uncachedTokens;
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

function describeEnd(result: AttemptResult): Pick<AttemptEnd, 'result' | 'reason'> {
  switch (result.type) {
    case 'answered': {
      const { status } = result.answer;
      if (status < 400) return { result: 'success', reason: '' };
      return status < 500 ? { result: 'client_error', reason: '' } : { result: 'error', reason: `status_${status}` };
    }
    case 'streamed':
      if (result.observer.failed) return { result: 'error', reason: 'error_event' };
      return { result: result.observer.aborted ? 'aborted' : 'success', reason: '' };
    case 'left':
      return { result: 'left', reason: '' };
    default:
      return { result: result.type, reason: result.reason };
  }
}

function usageOf(result: AttemptResult) {
  if (result.type === 'answered') return result.answer.usage;
  return result.type === 'streamed' ? result.observer.usage : undefined;
}
