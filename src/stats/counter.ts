/** One series of a counter or gauge. Keep it where the labels are known, and an event costs one addition. */
export interface Cell {
  readonly labels: readonly string[];
  value: number;
}

/** A family of numbers told apart by the values of its labels, in a fixed order. All values come from closed sets. */
export class Counter {
  readonly #cells = new Map<string, Cell>();

  cell(...labels: readonly string[]): Cell {
    const key = labels.join('\0');
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = { labels, value: 0 };
      this.#cells.set(key, cell);
    }
    return cell;
  }

  inc(...labels: readonly string[]): void {
    this.cell(...labels).value++;
  }

  get cells(): Iterable<Cell> {
    return this.#cells.values();
  }

  /** Forgets the series whose label at `position` is `value`. */
  forget(position: number, value: string): void {
    for (const [key, { labels }] of this.#cells) if (labels[position] === value) this.#cells.delete(key);
  }
}
