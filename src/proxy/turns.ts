/** Gives turns, first come, first served. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly #give = () => {
    this.#waiting.shift()!();
    if (this.#waiting.length > 0) setImmediate(this.#give);
  };

  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) setImmediate(this.#give);
    });
  }
}

const work = new Turns();
const reading = new Turns();

/**
 * Resolves in a later turn of the event loop, when everybody who waited before has had theirs: one a turn, so that long work that is done
 * in pieces of a fraction of a millisecond holds up other requests by one piece, however many do such work.
 */
export function nextTurn(): Promise<void> {
  return work.next();
}

/**
 * As `nextTurn`, for connections whose reads take long. They have a queue of their own: what they do in a turn is up to their clients, and
 * the work of everybody else must not wait for all of them.
 */
export function nextReadingTurn(): Promise<void> {
  return reading.next();
}
