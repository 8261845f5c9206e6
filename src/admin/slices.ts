import { setImmediate as nextTurn } from 'node:timers/promises';

/** ms of work after which the event loop gets a turn: a thousand backends' figures in one piece would hold up every stream. */
const TURN = 3;

/** Calls `work` for each item, with a pause whenever it has held the event loop for 3 ms. */
export async function inSlices<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  let turnEnds = performance.now() + TURN;
  for (const item of items) {
    work(item);
    if (performance.now() < turnEnds) continue;
    await nextTurn();
    turnEnds = performance.now() + TURN;
  }
}
