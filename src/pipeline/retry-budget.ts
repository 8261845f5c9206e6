const SPAN = 10_000;
/** So many are always allowed in a span: with little traffic a share of it is nothing. */
const MINIMUM = 3;

/**
 * Retries as a share of recent requests. Without it a fleet in trouble gets every request three times. Two spans of ten
 * seconds, the older one weighted by what is left of it: no memory per request.
 */
export class RetryBudget {
  readonly share: number;
  #since = 0;
  #requests = 0;
  #retries = 0;
  #olderRequests = 0;
  #olderRetries = 0;

  constructor(share: number) {
    this.share = share;
  }

  request(now: number): void {
    this.#roll(now);
    this.#requests++;
  }

  /** Whether one more retry may be made; it counts when it may. */
  take(now: number): boolean {
    this.#roll(now);
    const older = 1 - (now - this.#since) / SPAN;
    const requests = this.#requests + this.#olderRequests * older;
    const retries = this.#retries + this.#olderRetries * older;
    if (retries >= Math.max(MINIMUM, requests * this.share)) return false;
    this.#retries++;
    return true;
  }

  #roll(now: number): void {
    const elapsed = now - this.#since;
    if (elapsed < SPAN) return;
    const adjacent = elapsed < 2 * SPAN;
    this.#olderRequests = adjacent ? this.#requests : 0;
    this.#olderRetries = adjacent ? this.#retries : 0;
    this.#requests = 0;
    this.#retries = 0;
    this.#since = adjacent ? this.#since + SPAN : now;
  }
}
