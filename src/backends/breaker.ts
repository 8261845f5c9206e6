import type { CircuitBreakerConfig } from '../config/config.ts';

/** How an attempt speaks about its backend. Neutral: every 4xx and every client that left says nothing about it. */
export type Outcome = 'success' | 'failure' | 'neutral';

/**
 * Circuit breaker of one backend. Consecutive failures open it; after `openFor` exactly one request goes through as a probe:
 * its success closes the breaker, its failure opens it again for twice as long, up to `maxOpenFor`.
 *
 *   closed ─(failures in a row)─► open ─(openFor)─► half-open ─(probe ok)─► closed
 *                                  ▲                    └─(probe failed: twice as long)─┐
 *                                  └────────────────────────────────────────────────────┘
 */
export class CircuitBreaker {
  #failures = 0;
  #openUntil = 0;
  #openFor = 0;
  #probing = false;

  /** Whether a request may go there at `now`, monotonic ms. */
  admits(now: number): boolean {
    if (this.#openUntil === 0) return true;
    return now >= this.#openUntil && !this.#probing;
  }

  get state(): 'closed' | 'open' | 'probing' {
    if (this.#openUntil === 0) return 'closed';
    return this.#probing ? 'probing' : 'open';
  }

  /** A request was sent there: in the half-open state it is the one probe. */
  dispatched(): void {
    if (this.#openUntil !== 0) this.#probing = true;
  }

  record(outcome: Outcome, now: number, config: CircuitBreakerConfig): void {
    if (outcome === 'success') {
      this.#failures = 0;
      this.#openUntil = 0;
      this.#openFor = 0;
    } else if (outcome === 'failure') {
      this.#failures++;
      const wasOpen = this.#openUntil !== 0;
      // Failures of requests that were under way when it opened say nothing new.
      if ((wasOpen && this.#probing) || (!wasOpen && this.#failures >= config.failures)) {
        this.#openFor = Math.min(this.#openFor === 0 ? config.openFor : this.#openFor * 2, config.maxOpenFor);
        this.#openUntil = now + this.#openFor;
      }
    }
    this.#probing = false;
  }
}
