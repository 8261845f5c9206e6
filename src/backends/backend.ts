import type { BackendSpec, ModelCard } from './backend-spec.ts';
import { CircuitBreaker } from './breaker.ts';
import type { SlotLoad } from './load-table.ts';
import type { UpstreamPool } from './pool.ts';

/** An attempt that runs at a backend, as far as the backend's watchers care. */
export interface RunningAttempt {
  readonly startedAt: number;
  /** The client has seen bytes of it. */
  readonly streaming: boolean;
  readonly lastByteAt: number;
  /** Ends it from outside. */
  fail(reason: 'moved' | 'shutdown'): void;
}

/**
 * One serving engine and everything about it that outlives a config: connections, load, breaker, health. It is found by
 * `spec.id`, never copied, and the same object as long as any source lists it or any request runs on it.
 */
export class Backend {
  readonly id: string;
  readonly url: string;
  readonly pool: UpstreamPool;
  /** What algorithms read (`Load` in algorithms/); the attempt loop and the scraper write it. */
  readonly load: SlotLoad;
  readonly breaker = new CircuitBreaker();
  readonly attempts = new Set<RunningAttempt>();
  /** Monotonic ms when it was first seen. */
  readonly since: number;
  spec: BackendSpec;
  /** Active health checks, or connects that are refused, say it is down. */
  unhealthy = false;
  /** The engine says of itself that it sleeps. */
  asleep = false;
  /** No source lists it any more; open requests run on. */
  removed = false;
  #models = new Map<string, ModelCard>();

  constructor(spec: BackendSpec, pool: UpstreamPool, load: SlotLoad, now: number) {
    this.id = spec.id;
    this.url = spec.url;
    this.pool = pool;
    this.load = load;
    this.since = now;
    this.spec = spec;
    this.update(spec);
  }

  get weight(): number {
    return this.spec.weight;
  }

  update(spec: BackendSpec): void {
    this.spec = spec;
    this.#models = new Map(spec.models.map((card) => [card.id, card]));
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
    return this.assignable && !this.unhealthy && this.breaker.admits(now);
  }

  /** One word for people and metrics. */
  get state(): 'ready' | 'removed' | 'terminating' | 'sleeping' | 'unhealthy' | 'ejected' | 'no-models' {
    if (this.removed) return 'removed';
    if (this.spec.terminating) return 'terminating';
    if (this.spec.sleeping || this.asleep) return 'sleeping';
    if (this.unhealthy) return 'unhealthy';
    if (this.breaker.state !== 'closed') return 'ejected';
    return this.spec.models.length === 0 ? 'no-models' : 'ready';
  }
}
