/** A binary min-heap of values by time; equal times come out in the order they went in, so that a run replays exactly. */
export class TimeHeap<T> {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #values: T[] = [];
  #pushed = 0;

  get size(): number {
    return this.#times.length;
  }

  /** Infinity when empty. */
  get nextTime(): number {
    return this.#times.length === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!;
  }

  push(time: number, value: T): void {
    let child = this.#times.length;
    const order = this.#pushed++;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (this.#times[parent]! <= time) break;
      this.#move(parent, child);
      child = parent;
    }
    this.#times[child] = time;
    this.#orders[child] = order;
    this.#values[child] = value;
  }

  /** Must not be called on an empty heap. */
  pop(): T {
    const first = this.#values[0]!;
    const time = this.#times.pop()!;
    const order = this.#orders.pop()!;
    const value = this.#values.pop()!;
    const size = this.#times.length;
    if (size === 0) return first;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(child + 1, child)) child++;
      if (this.#times[child]! > time || (this.#times[child]! === time && this.#orders[child]! > order)) break;
      this.#move(child, parent);
      parent = child;
    }
    this.#times[parent] = time;
    this.#orders[parent] = order;
    this.#values[parent] = value;
    return first;
  }

  #before(a: number, b: number): boolean {
    return (
      this.#times[a]! < this.#times[b]! || (this.#times[a] === this.#times[b] && this.#orders[a]! < this.#orders[b]!)
    );
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from]!;
    this.#orders[to] = this.#orders[from]!;
    this.#values[to] = this.#values[from]!;
  }
}
