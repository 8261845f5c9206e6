import { Backend } from './backend.ts';
import type { BackendSpec } from './backend-spec.ts';
import { Changes } from './changes.ts';
import { LoadTable } from './load-table.ts';
import type { UpstreamPool } from './pool.ts';

export interface RegistryDeps {
  readonly createPool: (url: string) => UpstreamPool;
  /** Monotonic ms. */
  readonly now: () => number;
  /** A backend left for good: nothing lists it and nothing runs there. */
  readonly onRetired?: (backend: Backend) => void;
  readonly onAdded?: (backend: Backend) => void;
}

/** Slots of the load table; 56 bytes each. */
const MAX_BACKENDS = 16_384;

/**
 * All backends there are, by identity. Sources publish their sets here; a backend that leaves is drained, and is the same
 * object again, with its breaker and counters, when it comes back before its last request has ended; one that is known by its
 * address, before the time for draining is over.
 */
export class BackendRegistry {
  readonly #deps: RegistryDeps;
  readonly #backends = new Map<string, Backend>();
  readonly #bySource = new Map<string, ReadonlySet<string>>();
  readonly #draining = new Map<string, NodeJS.Timeout | undefined>();
  #listedNow: readonly Backend[] | undefined;
  readonly #modelsSeen = new Set<string>();
  readonly #loads = new LoadTable(MAX_BACKENDS);
  /** Grows with every change of the set; caches of candidates compare it. */
  generation = 0;
  /** Of the backends themselves. */
  readonly changes = new Changes();
  /** ms that requests on a removed backend may go on, and that what is known of it is kept. */
  drain = 600_000;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
  }

  /** Every listed backend, sorted by URL; the same array until the set changes. */
  get backends(): readonly Backend[] {
    this.#listedNow ??= [...this.#backends.values()]
      .filter((backend) => !backend.removed)
      .sort((a, b) => (a.url < b.url ? -1 : a.url > b.url ? 1 : 0));
    return this.#listedNow;
  }

  /** Removed ones that still have requests too, in no order. */
  all(): Iterable<Backend> {
    return this.#backends.values();
  }

  get(id: string): Backend | undefined {
    return this.#backends.get(id);
  }

  byEngineId(engineId: string): Backend | undefined {
    for (const backend of this.#backends.values()) {
      if (backend.spec.engineId === engineId && !backend.removed) return backend;
    }
    return undefined;
  }

  /** Some backend has served it at some time: it is missing now, not unknown. */
  hasSeenModel(model: string): boolean {
    return this.#modelsSeen.has(model);
  }

  /** The source's whole set, in place of what it published before. */
  publish(source: string, specs: readonly BackendSpec[]): void {
    const before = this.#bySource.get(source) ?? new Set<string>();
    const after = new Set(specs.map((spec) => spec.id));
    this.#bySource.set(source, after);
    for (const spec of specs) this.#put(spec);
    for (const id of before) if (!after.has(id)) this.#remove(id);
    this.generation++;
  }

  /** The source is gone from the config, and what only it listed with it. */
  removeSource(source: string): void {
    this.publish(source, []);
    this.#bySource.delete(source);
  }

  /** To be called when a request on a removed backend has ended. */
  released(backend: Backend): void {
    if (!backend.removed || backend.load.inflight > 0) return;
    if (!mayReturn(backend) || !this.#draining.has(backend.id)) this.#retire(backend);
  }

  destroy(): void {
    for (const timer of this.#draining.values()) clearTimeout(timer);
    for (const backend of this.#backends.values()) backend.pool.destroy();
  }

  #put(spec: BackendSpec): void {
    for (const model of spec.models) this.#modelsSeen.add(model.id);
    const known = this.#backends.get(spec.id);
    if (known === undefined || known.url !== spec.url) {
      if (known !== undefined) this.#retire(known);
      const pool = this.#deps.createPool(spec.url);
      const backend = new Backend(spec, pool, this.#loads.allocate(), this.#deps.now(), this.changes);
      this.#backends.set(spec.id, backend);
      this.#listedNow = undefined;
      this.#deps.onAdded?.(backend);
      return;
    }
    clearTimeout(this.#draining.get(spec.id));
    this.#draining.delete(spec.id);
    if (known.removed) this.#listedNow = undefined;
    known.removed = false;
    known.update(spec);
  }

  #remove(id: string): void {
    const backend = this.#backends.get(id);
    if (backend === undefined || this.#listed(id)) return;
    backend.removed = true;
    this.#listedNow = undefined;
    if (backend.load.inflight === 0 && !mayReturn(backend)) this.#retire(backend);
    else this.#draining.set(id, setTimeout(() => this.#expire(backend), this.drain).unref());
  }

  #expire(backend: Backend): void {
    this.#draining.delete(backend.id);
    cutOff(backend);
    if (backend.load.inflight === 0 && this.#backends.get(backend.id) === backend) this.#retire(backend);
  }

  #listed(id: string): boolean {
    for (const ids of this.#bySource.values()) if (ids.has(id)) return true;
    return false;
  }

  #retire(backend: Backend): void {
    clearTimeout(this.#draining.get(backend.id));
    this.#draining.delete(backend.id);
    if (this.#backends.get(backend.id) === backend) this.#backends.delete(backend.id);
    backend.removed = true;
    this.#listedNow = undefined;
    backend.pool.close();
    this.#loads.free(backend.load);
    this.#deps.onRetired?.(backend);
  }
}

/** A file may list an address again, and what is known of it then still holds; the UID of a deleted pod never comes back. */
function mayReturn({ id, url }: Backend): boolean {
  return id === url;
}

/** The time for open requests on a removed backend is over. */
function cutOff(backend: Backend): void {
  for (const attempt of backend.attempts) attempt.fail('moved');
  backend.pool.destroy();
}
