import type { BackendSpec } from './backend-spec.ts';

/** The backends that sources list and that there is no room for, by identity, in the order in which they came. */
export class LeftOut {
  readonly #specs = new Map<string, BackendSpec>();
  /** Sources of which some were left out when that was last asked. */
  readonly #told = new Set<string>();

  get size(): number {
    return this.#specs.size;
  }

  add(spec: BackendSpec): void {
    this.#specs.set(spec.id, spec);
  }

  delete(id: string): void {
    this.#specs.delete(id);
  }

  of(source: string): number {
    let count = 0;
    for (const spec of this.#specs.values()) if (spec.source === source) count++;
    return count;
  }

  /** Sources of which some are left out now and none was when this was last asked, and the other way round (0). */
  *news(): Iterable<[source: string, count: number]> {
    const counts = new Map<string, number>();
    for (const { source } of this.#specs.values()) counts.set(source, (counts.get(source) ?? 0) + 1);
    for (const source of new Set([...this.#told, ...counts.keys()])) {
      const count = counts.get(source) ?? 0;
      if (count > 0 === this.#told.has(source)) continue;
      if (count > 0) this.#told.add(source);
      else this.#told.delete(source);
      yield [source, count];
    }
  }

  [Symbol.iterator](): Iterator<BackendSpec> {
    return this.#specs.values();
  }
}
