import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Steps } from '../config/steps.ts';

/** ms of work after which requests get their turn; a step is not cut, so a piece may be as long as its longest step. */
const PIECE = 0.5;
/** Times the piece's length that the event loop is left to them: a fifth of it goes to the work, and a request meets one piece at most. */
const REST = 4;

/** Runs work beside requests: slower as a whole, and hardly felt by any of them. */
export async function besideRequests<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const began = performance.now();
    let spent: number;
    do {
      const step = steps.next();
      if (step.done) return step.value;
      spent = performance.now() - began;
    } while (spent < PIECE);
    await rest(spent);
  }
}

/** Leaves the loop to requests after `spent` ms of work. */
export function rest(spent = PIECE): Promise<void> {
  return sleep(Math.ceil(spent * REST));
}
