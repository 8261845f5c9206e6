import type { WatchEventType } from './watch-parser.ts';

export interface ListGuardOptions<T> {
  /** ms that a suddenly empty list is doubted. */
  readonly grace: number;
  readonly key: (object: T) => string;
  /** Makes a list true. */
  readonly apply: (objects: readonly T[]) => void;
  /** Called when doubt begins and when it ends. */
  readonly doubted: (doubted: boolean) => void;
}

/**
 * Stands between lists and what is believed. An empty list after a fuller one is a restored etcd or a wrong selector as often as it
 * is the truth: it takes effect after a grace time, unless a fuller one comes first. What events bring meanwhile stays.
 */
export class ListGuard<T> {
  readonly #options: ListGuardOptions<T>;
  /** Keys that the API has now, so far as it is believed. */
  #known = new Set<string>();
  /** Objects seen since the doubtful list. */
  readonly #since = new Map<string, T>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ListGuardOptions<T>) {
    this.#options = options;
  }

  get inDoubt(): boolean {
    return this.#timer !== undefined;
  }

  listed(objects: readonly T[]): void {
    if (objects.length === 0 && this.#known.size > 0) {
      // A second empty list changes nothing: the time runs from the first.
      if (this.#timer) return;
      this.#since.clear();
      this.#timer = setTimeout(() => this.#accept([...this.#since.values()]), this.#options.grace).unref();
      this.#options.doubted(true);
    } else {
      this.#accept(objects);
    }
  }

  event(type: WatchEventType, object: T): void {
    const key = this.#options.key(object);
    if (type === 'DELETED') {
      this.#known.delete(key);
      this.#since.delete(key);
    } else {
      this.#known.add(key);
      if (this.#timer) this.#since.set(key, object);
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #accept(objects: readonly T[]): void {
    const wasInDoubt = this.inDoubt;
    this.stop();
    this.#since.clear();
    this.#known = new Set(objects.map(this.#options.key));
    this.#options.apply(objects);
    if (wasInDoubt) this.#options.doubted(false);
  }
}
