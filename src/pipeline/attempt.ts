import type { AlgorithmEvent } from '../algorithms/algorithm.ts';
import type { Backend, RunningAttempt } from '../backends/backend.ts';
import type { Exchange } from '../backends/pool.ts';
import type { Place } from '../backends/roster.ts';
import { AnswerCollector } from '../proxy/answer-collector.ts';
import type { AttemptResult, FailureReason } from '../proxy/attempt-result.ts';
import type { ClientWriter } from '../proxy/client-writer.ts';
import { Relay, type RelayHooks } from '../proxy/relay.ts';
import { withBackendKey } from '../proxy/request-headers.ts';
import { askedChoices } from './choices.ts';
import type { Forwarding } from './forward.ts';
import { ABORTED, failureOf, learn } from './learn.ts';
import type { Leg } from './leg.ts';
import type { Route } from './route.ts';
import type { RoutedRequest } from './routed-request.ts';
import type { AttemptTelemetry } from './telemetry.ts';
import type { AttemptTrace } from './trace.ts';

/**
 * One try of a request at one backend. It owns the backend's counts for as long as it runs, so that they return to zero however
 * it ends, and it can be ended from outside by whoever watches the backend.
 */
export class Attempt implements RunningAttempt, RelayHooks {
  readonly routed: RoutedRequest;
  /** The one whose turn it is: the request's own or a fallback. */
  readonly route: Route;
  readonly backend: Backend;
  readonly startedAt: number;
  /** Bytes of its body. */
  readonly size: number;
  readonly #leg: Leg;
  readonly #deps: Forwarding;
  readonly #telemetry: AttemptTelemetry;
  readonly #uncachedTokens: number;
  #relay!: Relay | AnswerCollector;
  #exchange: Exchange | undefined;
  #keepsBody = true;
  #trace: AttemptTrace | undefined;
  #place!: Place<RunningAttempt>;
  #awaitsFirstByte = true;
  #probe = false;

  constructor(routed: RoutedRequest, route: Route, leg: Leg, backend: Backend, deps: Forwarding) {
    this.routed = routed;
    this.route = route;
    this.#leg = leg;
    this.backend = backend;
    this.size = leg.body.length;
    this.#deps = deps;
    this.startedAt = deps.now();
    this.#telemetry = deps.telemetry.attempt(backend.url, routed.model, this.startedAt, routed.route!.name);
    const uncached = leg.prefilled ? 0 : route.algorithm.uncachedTokens?.(backend, routed);
    this.#uncachedTokens = Math.round(uncached ?? 0);
  }

  get streaming(): boolean {
    return this.#relay.streaming;
  }

  get lastByteAt(): number {
    return this.#relay.lastByteAt;
  }

  get connecting(): boolean {
    return !this.#relay.connected;
  }

  get awaitsFirstByte(): boolean {
    return this.#awaitsFirstByte;
  }

  get stream(): boolean {
    // What is asked for one token answers with that token.
    return this.routed.stream || !this.#leg.toClient;
  }

  get model(): string {
    return this.routed.model;
  }

  /** Waiting for a client that does not read, so silence is not the engine's. */
  get paused(): boolean {
    return this.#relay.paused;
  }

  run(client: ClientWriter, headerLines: string): Promise<AttemptResult> {
    const { routed, backend } = this;
    return new Promise((resolve) => {
      const settle = (result: AttemptResult) => {
        this.#end(result);
        resolve(result);
      };
      this.#relay = this.#leg.toClient
        ? new Relay(client, routed.kind, routed.id, this, settle)
        : new AnswerCollector(routed.id, this, settle);
      this.#begin();
      const key = backend.spec.apiKey && this.#deps.resolveSecret(backend.spec.apiKey);
      const lines = key === undefined ? headerLines : withBackendKey(headerLines, key);
      const request = {
        method: 'POST',
        path: routed.path + routed.query,
        headerLines: this.#trace === undefined ? lines : this.#trace.headerLine + lines,
        body: this.#leg.body,
      };
      try {
        this.#exchange = backend.pool.send(request, this.#relay, this.route.config.timeouts.connect);
        this.#relay.attach(this.#exchange);
      } catch {
        // Whatever it is about the address, the counts must return to zero.
        this.#relay.fail('connect_failed');
      }
    });
  }

  fail(reason: FailureReason): void {
    this.#relay.fail(reason);
  }

  /** The client takes nothing any more. */
  dropClient(): void {
    this.routed.response.destroy();
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
    this.backend.paces.add(this.startedAt, now - this.startedAt, this);
    if (this.#leg.toClient) this.routed.ttft = now - this.routed.startedAt;
    if (ofStream) this.#telemetry.firstToken(now);
    this.#trace?.firstByte(now, ofStream);
    this.#observe({ type: 'first-byte', request: this.routed, candidate: this.backend });
  }

  onBegin(): void {
    this.#dropBody();
  }

  onPiece(now: number): void {
    this.#telemetry.token(now);
    // An answer can be heard of before the system says that it has taken the last of the body.
    if (this.#keepsBody) this.#dropBody();
  }

  /** A stream lasts minutes, a body is 220 KB: what nobody will send again is not kept beside it. */
  #dropBody(): void {
    if (this.#exchange?.bodySent !== true) return;
    this.#keepsBody = false;
    this.#leg.dropBody();
    this.routed.dropBody();
  }

  #begin(): void {
    const { routed, backend } = this;
    const { load } = backend;
    load.dispatched();
    load.addUncached(this.#uncachedTokens);
    this.#place = backend.attempts.add(this);
    this.#probe = backend.breaker.dispatched(this.startedAt);
    routed.attempts++;
    routed.backend = backend;
    this.#trace = routed.trace?.attempt(this.route, this.#leg, backend, this.startedAt);
    routed.explanation?.sent(this.route, backend);
    if (routed.snapshot.config.logging.routing) this.#deps.routing(routed, this.route, backend);
    this.#observe({ type: 'dispatched', request: routed, candidate: backend });
  }

  #end(result: AttemptResult): void {
    const { routed, backend } = this;
    const now = this.#deps.now();
    const beforeFirstByte = this.#awaitsFirstByte;
    this.#firstByteSeen();
    backend.load.finished();
    if (this.#exchange?.bodySent === false) routed.bodyReadBy(this.#exchange);
    backend.attempts.delete(this.#place);
    const { config } = this.route;
    if (!beforeFirstByte) backend.lastByteAt = Math.max(backend.lastByteAt, this.lastByteAt);
    learn(backend, result, now, config, { at: this.startedAt, probe: this.#probe }, this.#deps);
    routed.bytes += this.#relay.bytes;
    const usage = usageOf(result);
    if (usage !== undefined) {
      if (this.#leg.toClient) routed.usage = usage;
      const { promptTokens, cachedTokens } = usage;
      this.#observe({
        type: 'usage',
        request: routed,
        candidate: backend,
        promptTokens,
        cachedTokens,
      });
    }
    const failure = failureOf(result);
    this.#observe({
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
    this.#trace?.finished(now, result, failure, usage);
    this.#deps.registry.released(backend);
    this.#deps.admission.poke();
  }

  /** An algorithm that fails to learn must not keep an attempt from ending. */
  #observe(event: AlgorithmEvent): void {
    try {
      this.route.algorithm.observe?.(event);
    } catch (error) {
      process.emitWarning(error as Error);
    }
  }

  #firstByteSeen(): void {
    if (!this.#awaitsFirstByte) return;
    this.#awaitsFirstByte = false;
    this.backend.load.addUncached(-this.#uncachedTokens);
  }
}

function usageOf(result: AttemptResult) {
  if (result.type === 'answered') return result.answer.usage;
  return result.type === 'streamed' ? result.observer.usage : undefined;
}
