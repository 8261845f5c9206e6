import type { BackendSpec, ModelCard } from './backend-spec.ts';
import { CircuitBreaker } from './breaker.ts';
import { Changes } from './changes.ts';
import type { SlotLoad } from './load-table.ts';
import { Paces } from './paces.ts';
import type { UpstreamPool } from './pool.ts';
import { Roster } from './roster.ts';

/** ms over which a backend that was out comes back to its full share: a herd would throw it out again. */
const SLOW_START = 10_000;
/** Its share of requests at first. */
const FIRST_SHARE = 0.1;

/** An attempt that runs at a backend, as far as the backend's watchers care. Times are monotonic ms. */
export interface RunningAttempt {
  readonly startedAt: number;
  /** Its connection does not stand yet, so the backend has had nothing of the request. */
  readonly connecting: boolean;
  /** No byte of the body has come yet. */
  readonly awaitsFirstByte: boolean;
  /** It asked for a stream, whose first byte comes with its first token; an answer's comes only with its end. */
  readonly stream: boolean;
  /** Bytes of the request's body. */
  readonly size: number;
  readonly model: string;
  /** The client has seen bytes of it. */
  readonly streaming: boolean;
  readonly lastByteAt: number;
  /** Ends it from outside. */
  fail(reason: 'moved' | 'unreachable' | 'shutdown' | 'connect_timeout'): void;
}

/**
 * One serving engine and everything about it that outlives a config: connections, load, breaker, health. It is found by
 * `spec.id`, never copied, and the same object as long as any source lists it or any request runs on it, and for some time
 * after that.
 */
export class Backend {
  readonly id: string;
  readonly url: string;
  readonly pool: UpstreamPool;
  /** What algorithms read (`Load` in algorithms/); the attempt loop and the scraper write it. */
  readonly load: SlotLoad;
  readonly breaker = new CircuitBreaker(() => this.#changed());
  readonly attempts = new Roster<RunningAttempt>();
  readonly paces = new Paces();
  /** Monotonic ms when it was first seen. */
  readonly since: number;
  readonly #changes: Changes;
  #spec: BackendSpec;
  #coolUntil = 0;
  /** Monotonic ms of the last byte of any answer. */
  lastByteAt = 0;
  #unhealthy = false;
  /** What the last health check found wrong. */
  #ailment = '';
  #healthyAt = Number.NEGATIVE_INFINITY;
  #asleep = false;
  /** Monotonic ms when /sleep or /wake_up was last answered or asked: what a scrape of before says of sleep is old. */
  toldAt = Number.NEGATIVE_INFINITY;
  /** Monotonic ms from which until which none of the engine's own figures moved; undefined where it tells none. */
  still: { readonly since: number; readonly until: number } | undefined;
  /** No source lists it any more; open requests run on. */
  removed = false;
  #models = new Map<string, ModelCard>();

  /** `changes` counts those of all backends that are asked together. */
  constructor(spec: BackendSpec, pool: UpstreamPool, load: SlotLoad, now: number, changes = new Changes()) {
    this.id = spec.id;
    this.url = spec.url;
    this.pool = pool;
    this.load = load;
    this.since = now;
    this.#changes = changes;
    this.#spec = spec;
    this.update(spec);
  }

  get spec(): BackendSpec {
    return this.#spec;
  }

  get weight(): number {
    return this.#spec.weight;
  }

  /** Monotonic ms until which it asked, by a 429, to be left alone. */
  get coolUntil(): number {
    return this.#coolUntil;
  }

  set coolUntil(until: number) {
    if (until === this.#coolUntil) return;
    this.#coolUntil = until;
    this.#changed();
  }

  /** The engine sleeps: by its own word, or since it was put to sleep through this router. */
  get asleep(): boolean {
    return this.#asleep;
  }

  set asleep(asleep: boolean) {
    // Every scrape says it again.
    if (asleep === this.#asleep) return;
    this.#asleep = asleep;
    this.#changed();
  }

  update(spec: BackendSpec): void {
    // From here on its source tells, and will also tell when another replica wakes it.
    if (spec.sleeping && !this.#spec.sleeping) this.#asleep = false;
    this.#spec = spec;
    this.#models = new Map(spec.models.map((card) => [card.id, card]));
    this.#changed();
  }

  serves(model: string): boolean {
    return this.#models.has(model);
  }

  /** Could serve if it were well: neither terminating, asleep nor removed. The panic rule never goes beyond this. */
  get assignable(): boolean {
    return !this.removed && !this.spec.terminating && !this.spec.sleeping && !this.asleep;
  }

  /** May get a request at `now`, monotonic ms. */
  available(now: number): boolean {
    return this.assignable && !this.#unhealthy && now >= this.coolUntil && this.breaker.admits(now);
  }

  /** Monotonic ms after `now` when `available` may change by time alone; infinite where it cannot. */
  changesAt(now: number): number {
    const probedFrom = this.breaker.opensAt ?? 0;
    return Math.min(
      this.#coolUntil > now ? this.#coolUntil : Number.POSITIVE_INFINITY,
      probedFrom > now ? probedFrom : Number.POSITIVE_INFINITY,
    );
  }

  /** Active health checks say it is down. */
  get unhealthy(): boolean {
    return this.#unhealthy;
  }

  /** `reason`: what is wrong, for people. */
  setHealthy(healthy: boolean, now: number, reason = ''): void {
    if (healthy && this.#unhealthy) this.#healthyAt = now;
    this.#unhealthy = !healthy;
    this.#ailment = healthy ? '' : reason;
    this.#changed();
  }

  /** How much of its usual share it should get at `now`, 0..1: less for a while after it was out. */
  share(now: number): number {
    const since = now - this.#backAt;
    return since >= SLOW_START ? 1 : FIRST_SHARE + (1 - FIRST_SHARE) * (since / SLOW_START);
  }

  /** Why it is in its state, where that is more than the word says; empty otherwise. */
  get trouble(): string {
    if (this.state === 'unhealthy') return this.#ailment;
    if (this.state !== 'ejected') return '';
    const { failures, unreachable } = this.breaker;
    if (unreachable) return 'cannot be reached';
    return failures > 0 ? `${failures} failure${failures === 1 ? '' : 's'} in a row` : 'given up';
  }

  /** One word for people and metrics. */
  get state(): 'ready' | 'removed' | 'terminating' | 'sleeping' | 'unhealthy' | 'ejected' | 'no-models' {
    if (this.removed) return 'removed';
    if (this.spec.terminating) return 'terminating';
    if (this.spec.sleeping || this.asleep) return 'sleeping';
    if (this.#unhealthy) return 'unhealthy';
    if (this.breaker.state !== 'closed') return 'ejected';
    return this.spec.models.length === 0 ? 'no-models' : 'ready';
  }

  /** Monotonic ms when it last came back. */
  get #backAt(): number {
    return Math.max(this.#healthyAt, this.breaker.closedAt);
  }

  #changed(): void {
    this.#changes.count++;
    this.#changes.wholeAt = Math.max(this.#changes.wholeAt, this.#backAt + SLOW_START);
  }
}
