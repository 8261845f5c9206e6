/** Who waits for a turn, first come, first served. */
const waiting: (() => void)[] = [];

/**
 * Resolves in a later turn of the event loop, when everybody who waited before has had theirs: one a turn, so that long work that is done
 * in pieces of a fraction of a millisecond holds up other requests by one piece, however many do such work.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(giveTurn);
  });
}

function giveTurn(): void {
  waiting.shift()!();
  if (waiting.length > 0) setImmediate(giveTurn);
}
