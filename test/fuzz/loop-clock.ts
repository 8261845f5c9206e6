/** ms */
const TICK = 100;
/** A tick that comes so much later than it should, ms, tells of a machine that was busy with something else. */
const STALL = 400;

/** Time as this process lives through it: what the machine takes away does not count, so that deadlines hold on a busy one. */
export class LoopClock {
  /** ms lived through. */
  now = 0;
  /** How often the machine has taken time away. */
  stalls = 0;
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Set<{ at: number; done: () => void }>();

  constructor() {
    let last = performance.now();
    this.#timer = setInterval(() => {
      const at = performance.now();
      if (at - last > TICK + STALL) this.stalls++;
      this.now += Math.min(at - last, TICK);
      last = at;
      for (const waiter of this.#waiting) {
        if (waiter.at > this.now) continue;
        this.#waiting.delete(waiter);
        waiter.done();
      }
    }, TICK);
  }

  /** Calls back after `ms` of that time; the result cancels it. */
  after(ms: number, done: () => void): () => void {
    const waiter = { at: this.now + ms, done };
    this.#waiting.add(waiter);
    return () => this.#waiting.delete(waiter);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
