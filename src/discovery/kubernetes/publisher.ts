import type { Urgency } from './backend-table.ts';

const SHORTEST = 20;
const LONGEST = 250;

/**
 * Turns many changes into few publications. The first of a calm moment goes out at once; while more follow, the gap between two
 * grows from 20 to 250 ms, so that 1,000 pods that come up together are a handful of publications. Something that must stop
 * getting requests never waits longer than 20 ms.
 */
export class Publisher {
  readonly #publish: () => unknown;
  #state: 'calm' | 'due' | 'cooling' | 'stopped' = 'calm';
  #pending: Urgency | undefined;
  #gap = SHORTEST;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(publish: () => unknown) {
    this.#publish = publish;
  }

  touch(urgency: Urgency): void {
    if (this.#state === 'calm') {
      this.#state = 'due';
      // Events that came in one read of the socket go out together.
      this.#immediate = setImmediate(() => this.#flush());
    } else if (this.#state === 'cooling') {
      if (urgency === 'now' && this.#pending !== 'now' && this.#gap > SHORTEST) this.#cool(SHORTEST);
      if (this.#pending !== 'now') this.#pending = urgency;
    }
  }

  stop(): void {
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #flush(): void {
    this.#state = 'cooling';
    this.#pending = undefined;
    this.#publish();
    this.#cool(this.#gap);
  }

  #cool(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#cooled(), ms);
  }

  #cooled(): void {
    if (this.#pending === undefined) {
      this.#state = 'calm';
      this.#gap = SHORTEST;
      return;
    }
    this.#gap = Math.min(LONGEST, this.#gap * 2);
    this.#flush();
  }
}
