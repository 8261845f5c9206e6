import type { CircuitBreakerConfig } from '../config/config.ts';

/**
 * How an attempt speaks about its backend. `alive`: it answered, but not as a success counts (every 4xx, a full engine). `neutral`:
 * nothing can be told, as with a client that left.
 */
export type Outcome = 'success' | 'failure' | 'alive' | 'neutral';

/** An attempt as its breaker sees it. */
export interface Dispatch {
  /** Monotonic ms. */
  readonly at: number;
  /** It is the one request that a half-open breaker lets through. */
  readonly probe: boolean;
}

/**
 * Circuit breaker of one backend. Consecutive failures open it; after `openFor` exactly one request goes through as a probe:
 * its success closes the breaker, its failure opens it again for twice as long, up to `maxOpenFor`.
 *
 *   closed ─(failures in a row)─► open ─(openFor)─► half-open ─(probe ok)─► closed
 *                                  ▲                    └─(probe failed: twice as long)─┐
 *                                  └────────────────────────────────────────────────────┘
 */
export class CircuitBreaker {
  readonly #onChange: () => void;
  #failures = 0;
  #openUntil = 0;
  #openFor = 0;
  #probing = false;
  #unreachable = false;
  /** Monotonic ms. */
  openedAt = 0;
  /** Monotonic ms when it last closed after having been open. */
  closedAt = Number.NEGATIVE_INFINITY;

  /** `onChange`: what `admits` says has changed by something other than time. */
  constructor(onChange = () => {}) {
    this.#onChange = onChange;
  }

  /** Whether a request may go there at `now`, monotonic ms. */
  admits(now: number): boolean {
    if (this.#openUntil === 0) return true;
    return now >= this.#openUntil && !this.#probing;
  }

  get state(): 'closed' | 'open' | 'probing' {
    if (this.#openUntil === 0) return 'closed';
    return this.#probing ? 'probing' : 'open';
  }

  /** Monotonic ms when the next request may probe; undefined while it is closed. */
  get opensAt(): number | undefined {
    return this.#openUntil === 0 ? undefined : this.#openUntil;
  }

  /** It was opened for a machine that cannot be reached while others can, and has not closed since. */
  get unreachable(): boolean {
    return this.#unreachable;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** A request was sent there; true: it is the probe, to be handed back with its outcome. */
  dispatched(now: number): boolean {
    if (this.#openUntil === 0 || now < this.#openUntil || this.#probing) return false;
    this.#probing = true;
    this.#onChange();
    return true;
  }

  record(outcome: Outcome, now: number, config: CircuitBreakerConfig, { at, probe }: Dispatch): void {
    if (probe) {
      this.#probing = false;
      this.#onChange();
    }
    const open = this.#openUntil !== 0;
    if (outcome === 'success') {
      this.#failures = 0;
      // A success that began before it opened is old news; one of a request that was sent all the same is not.
      if (open && (probe || at >= this.openedAt)) this.#close(now);
    } else if (outcome === 'alive') {
      if (open && probe) this.#close(now);
    } else if (outcome === 'failure') {
      this.#failures++;
      // Failures of requests that were under way when it opened say nothing new, nor does that of a probe during which it was tripped.
      if (open ? probe && at >= this.openedAt : this.#failures >= config.failures) this.#open(now, config);
    }
  }

  /** Opens at once: something other than failures in a row says that the backend cannot serve. */
  trip(now: number, config: CircuitBreakerConfig, unreachable = false): void {
    if (unreachable && !this.#unreachable) {
      this.#unreachable = true;
      this.#onChange();
    }
    if (this.#openUntil === 0 || now >= this.#openUntil) this.#open(now, config);
  }

  /** The machine answers again: if it was left out for want of that, the next request may probe it, as behind its first time out. */
  reached(now: number): void {
    if (!this.#unreachable || now >= this.#openUntil) return;
    this.#openUntil = now;
    this.#openFor = 0;
    this.#onChange();
  }

  #open(now: number, config: CircuitBreakerConfig): void {
    this.#openFor = Math.min(this.#openFor === 0 ? config.openFor : this.#openFor * 2, config.maxOpenFor);
    this.#openUntil = now + this.#openFor;
    this.openedAt = now;
    this.#onChange();
  }

  #close(now: number): void {
    this.#openUntil = 0;
    this.#openFor = 0;
    this.#failures = 0;
    this.#unreachable = false;
    this.closedAt = now;
    this.#onChange();
  }
}
