/** A place in a roster; to be given back when its item leaves. */
export interface Place<T> {
  item: T | undefined;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
}

/**
 * What runs now, in the order of its start. Not a Set: V8's leaves its old table behind each time it is rebuilt, linked to the new one,
 * and with as many deletions as additions that is every few requests. The dead tables reach V8's old generation and hold on to what came
 * after them, so that whole requests with their buffers live until the next full collection (a third of the CPU for 220 KB prompts).
 */
export class Roster<T> implements Iterable<T> {
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  size = 0;

  add(item: T): Place<T> {
    const place: Place<T> = { item, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = place;
    else this.#last.after = place;
    this.#last = place;
    this.size++;
    return place;
  }

  /** A second time changes nothing. */
  delete(place: Place<T>): void {
    if (place.item === undefined) return;
    const { before, after } = place;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    place.item = undefined;
    place.before = undefined;
    place.after = undefined;
    this.size--;
  }

  /** Items may leave and come while it runs; it ends early where one and the next leave in the same step. */
  *[Symbol.iterator](): IterableIterator<T> {
    let place = this.#first;
    while (place !== undefined) {
      const following: Place<T> | undefined = place.after;
      yield place.item!;
      // Who has left knows nobody any more.
      if (place.item !== undefined) place = place.after;
      else if (following?.item !== undefined) place = following;
      else return;
    }
  }
}
