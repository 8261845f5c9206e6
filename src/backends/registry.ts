import { MAX_BACKENDS } from '../config/max-backends.ts';
import { Backend } from './backend.ts';
import type { BackendSpec } from './backend-spec.ts';
import { Changes } from './changes.ts';
import { LeftOut } from './left-out.ts';
import { LoadTable } from './load-table.ts';
import type { UpstreamPool } from './pool.ts';

export interface RegistryDeps {
  readonly createPool: (url: string) => UpstreamPool;
  /** Monotonic ms. */
  readonly now: () => number;
  /** A backend left for good: nothing lists it and nothing runs there. */
  readonly onRetired?: (backend: Backend) => void;
  readonly onAdded?: (backend: Backend) => void;
  /** Backends of the source begin to be left out because there is no room for them, or none is any more (0). */
  readonly onLeftOut?: (source: string, count: number) => void;
  /** Backends there may be at a time. */
  readonly capacity?: number;
}

/** Names of models that are remembered once nobody serves them any more: adapters come and go for months. */
const MODELS_SEEN = 10_000;

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
  /** Retired while requests ran there, since their identity went to another address: the slot of their load is theirs till the last ends. */
  readonly #replaced = new Map<Backend, NodeJS.Timeout>();
  #listedNow: readonly Backend[] | undefined;
  readonly #modelsSeen = new Set<string>();
  readonly #loads: LoadTable;
  /** Listed, but there is no room for them yet. */
  readonly #leftOut = new LeftOut();
  /** Grows with every change of the set; caches of candidates compare it. */
  generation = 0;
  /** Of the backends themselves. */
  readonly changes = new Changes();
  /** ms that requests on a removed backend may go on, and that what is known of it is kept. */
  drain = 600_000;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
    this.#loads = new LoadTable(deps.capacity ?? MAX_BACKENDS);
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

  /** Backends of the source that it lists and that there is no room for. */
  leftOut(source: string): number {
    return this.#leftOut.of(source);
  }

  /**
   * The source's whole set, in place of what it published before. Never throws: half a set, with no word of it, was in force until the
   * next start. Those that there is no room for are left out, and taken in when there is.
   */
  publish(source: string, specs: readonly BackendSpec[]): void {
    const before = this.#bySource.get(source) ?? new Set<string>();
    const after = new Set(specs.map((spec) => spec.id));
    this.#bySource.set(source, after);
    const fresh: BackendSpec[] = [];
    for (const spec of specs) if (!this.#update(spec)) fresh.push(spec);
    const gone = [...before].filter((id) => !after.has(id));
    // Otherwise they go last: what is counted by an address stays where it is listed under another name.
    const crowded = fresh.length > this.#loads.left;
    if (crowded) for (const id of gone) this.#remove(id);
    const processed = this.#loads.leastProcessed();
    for (const spec of fresh) this.#add(spec, processed);
    if (!crowded) for (const id of gone) this.#remove(id);
    this.#takeIn();
    this.generation++;
    this.#tellLeftOut();
  }

  /** The source is gone from the config, and what only it listed with it. */
  removeSource(source: string): void {
    this.publish(source, []);
    this.#bySource.delete(source);
  }

  /** To be called when a request on a removed backend has ended. */
  released(backend: Backend): void {
    if (!backend.removed || backend.load.inflight > 0) return;
    if (this.#replaced.has(backend)) {
      this.#giveBack(backend);
      this.#takeInLater();
      return;
    }
    if (mayReturn(backend) && this.#draining.has(backend.id)) {
      // Idle now, so that its slot can be had.
      if (this.#leftOut.size > 0) this.#takeInLater();
      return;
    }
    this.#retire(backend);
    this.#takeInLater();
  }

  destroy(): void {
    for (const timer of [...this.#draining.values(), ...this.#replaced.values()]) clearTimeout(timer);
    for (const backend of [...this.#backends.values(), ...this.#replaced.keys()]) backend.pool.destroy();
  }

  /** Takes over what is said of a backend that is known. False when it is not, or not at this address. */
  #update(spec: BackendSpec): boolean {
    for (const { id } of spec.models) {
      this.#modelsSeen.delete(id);
      this.#modelsSeen.add(id);
      if (this.#modelsSeen.size > MODELS_SEEN) this.#modelsSeen.delete(this.#modelsSeen.values().next().value!);
    }
    const known = this.#backends.get(spec.id);
    if (known === undefined) return false;
    if (known.url !== spec.url) {
      this.#retire(known);
      return false;
    }
    clearTimeout(this.#draining.get(spec.id));
    this.#draining.delete(spec.id);
    if (known.removed) this.#listedNow = undefined;
    known.removed = false;
    known.update(spec);
    return true;
  }

  #add(spec: BackendSpec, processed: number): void {
    // Named twice in one set.
    if (this.#update(spec)) return;
    if (!this.#hasRoom()) {
      this.#leftOut.add(spec);
      return;
    }
    this.#leftOut.delete(spec.id);
    const pool = this.#deps.createPool(spec.url);
    const backend = new Backend(spec, pool, this.#loads.allocate(processed), this.#deps.now(), this.changes);
    this.#backends.set(spec.id, backend);
    this.#listedNow = undefined;
    this.#deps.onAdded?.(backend);
  }

  /** What is known of a backend that has left and is idle is worth less than a place for one that is listed. */
  #hasRoom(): boolean {
    if (this.#loads.left > 0) return true;
    for (const id of this.#draining.keys()) {
      const backend = this.#backends.get(id);
      if (backend === undefined || backend.load.inflight > 0) continue;
      this.#retire(backend);
      return true;
    }
    return false;
  }

  /** Those that were left out, as far as there is room now. */
  #takeIn(): boolean {
    let some = false;
    const processed = this.#loads.leastProcessed();
    for (const spec of this.#leftOut) {
      if (!this.#listed(spec.id)) this.#leftOut.delete(spec.id);
      else if (!this.#hasRoom()) break;
      else {
        this.#add(spec, processed);
        some = true;
      }
    }
    return some;
  }

  /** A slot has become free while no source has published. */
  #takeInLater(): void {
    if (this.#leftOut.size === 0) return;
    if (this.#takeIn()) this.generation++;
    this.#tellLeftOut();
  }

  #tellLeftOut(): void {
    for (const [source, count] of this.#leftOut.news()) this.#deps.onLeftOut?.(source, count);
  }

  #remove(id: string): void {
    const backend = this.#backends.get(id);
    if (this.#listed(id)) return;
    this.#leftOut.delete(id);
    if (backend === undefined) return;
    backend.removed = true;
    this.#listedNow = undefined;
    if (backend.load.inflight === 0 && !mayReturn(backend)) this.#retire(backend);
    else this.#draining.set(id, setTimeout(() => this.#expire(backend), this.drain).unref());
  }

  #expire(backend: Backend): void {
    this.#draining.delete(backend.id);
    cutOff(backend);
    if (backend.load.inflight === 0 && this.#backends.get(backend.id) === backend) {
      this.#retire(backend);
      this.#takeInLater();
    }
  }

  #listed(id: string): boolean {
    for (const ids of this.#bySource.values()) if (ids.has(id)) return true;
    return false;
  }

  #retire(backend: Backend): void {
    clearTimeout(this.#draining.get(backend.id));
    this.#draining.delete(backend.id);
    if (this.#backends.get(backend.id) === backend) this.#backends.delete(backend.id);
    // Thousands retire at once, and each time the list would be sorted anew.
    if (!backend.removed) this.#listedNow = undefined;
    backend.removed = true;
    if (backend.load.inflight === 0) this.#giveBack(backend);
    else this.#replaced.set(backend, setTimeout(cutOff, this.drain, backend).unref());
    this.#deps.onRetired?.(backend);
  }

  #giveBack(backend: Backend): void {
    clearTimeout(this.#replaced.get(backend));
    this.#replaced.delete(backend);
    backend.pool.close();
    this.#loads.free(backend.load);
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
