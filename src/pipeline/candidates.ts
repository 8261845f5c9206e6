import type { Backend } from '../backends/backend.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { RouteConfig } from '../config/config.ts';

/** The backends of one route that serve one model, sorted by URL, and what was found when they were last asked. */
interface CandidateSet {
  readonly all: readonly Backend[];
  readonly weights: readonly number[];
  /** The last subset that was offered. */
  offered: readonly Backend[];
  /** Those that may get a request: as of so many changes, until a time in monotonic ms. */
  usable: readonly Backend[];
  changes: number;
  until: number;
}

/**
 * Who may serve a request of one route. The list per model is built once per change of the backend set, and looked through once per
 * change of a backend's state, not per request. None of the arrays is new as long as the set is the same, so that algorithms can key state by it.
 */
export class Candidates {
  readonly #registry: BackendRegistry;
  readonly #from: ReadonlySet<string>;
  readonly #where: readonly (readonly [label: string, value: string])[];
  readonly #maxEjected: number;
  #byModel = new Map<string, CandidateSet>();
  #before = new Map<string, CandidateSet>();
  #generation = -1;

  /** `maxEjected`: the share of them that breakers may keep out. */
  constructor(registry: BackendRegistry, backends: RouteConfig['backends'], maxEjected: number) {
    this.#registry = registry;
    this.#maxEjected = maxEjected;
    this.#from = new Set(backends.from);
    this.#where = Object.entries(backends.where);
  }

  /** Every backend of the route that serves `model`, well or not. */
  all(model: string): readonly Backend[] {
    return this.#set(model).all;
  }

  /**
   * Those that may get a request now and are not in `tried`. When only breakers and health checks have emptied the set they
   * are used all the same, where `panic` allows: a guess about a backend is worth less than the certainty of an error.
   */
  available(model: string, tried: readonly Backend[], now: number, panic = true): readonly Backend[] {
    const set = this.#set(model);
    const usable = this.#usable(set, now);
    if (tried.length === 0 && (usable.length > 0 || !panic)) return usable;
    const untried = (backend: Backend) => !tried.includes(backend);
    let available = usable.filter(untried);
    if (available.length === 0 && panic)
      available = set.all.filter((backend) => backend.assignable && untried(backend));
    return tried.length === 0 ? offer(set, available) : available;
  }

  /** Some backend's share may not be whole at `now`, monotonic ms. */
  someWarmUp(now: number): boolean {
    return now < this.#registry.changes.wholeAt;
  }

  /** Backends of the route regardless of model, for people and metrics. */
  members(): readonly Backend[] {
    return this.#registry.backends.filter((backend) => this.#selects(backend));
  }

  /** Some backend of the route has yet to say which models it serves, or there is none at all: what nobody serves may be served soon. */
  get unsettled(): boolean {
    const members = this.members();
    return members.length === 0 || members.some(({ spec }) => spec.models.length === 0 && !spec.terminating);
  }

  #set(model: string): CandidateSet {
    if (this.#generation !== this.#registry.generation) {
      this.#generation = this.#registry.generation;
      this.#before = this.#byModel;
      this.#byModel = new Map();
    }
    const known = this.#byModel.get(model);
    if (known !== undefined) return known;
    const all = this.#registry.backends.filter((backend) => backend.serves(model) && this.#selects(backend));
    const weights = all.map((backend) => backend.weight);
    const before = this.#before.get(model);
    const same = before && sameItems(before.all, all) && sameItems(before.weights, weights);
    const set: CandidateSet = same
      ? before
      : { all, weights, offered: all, usable: all, changes: -1, until: Number.NEGATIVE_INFINITY };
    // Names that nobody serves come from clients and would fill the map.
    if (all.length > 0) this.#byModel.set(model, set);
    return set;
  }

  #usable(set: CandidateSet, now: number): readonly Backend[] {
    const { count } = this.#registry.changes;
    if (set.changes === count && now < set.until) return set.usable;
    set.usable = this.#lookThrough(set, now);
    set.changes = count;
    set.until = set.all.reduce((until, backend) => Math.min(until, backend.changesAt(now)), Number.POSITIVE_INFINITY);
    return set.usable;
  }

  #lookThrough(set: CandidateSet, now: number): readonly Backend[] {
    if (set.all.every((backend) => backend.available(now))) return set.all;
    const spared = this.#spared(set.all, now);
    const usable = set.all.filter((backend) => backend.available(now) || spared.includes(backend));
    return usable.length === 0 ? usable : offer(set, usable);
  }

  /**
   * Beyond their share, the backends whose breakers opened last stay in: a fault that hits all of them is not theirs. Those that cannot
   * be reached while others can would only cost every request a wait (four of six vanished: each third request waited for a second).
   */
  #spared(all: readonly Backend[], now: number): readonly Backend[] {
    const ejected = all.filter(
      ({ assignable, unhealthy, breaker }) => assignable && !unhealthy && !breaker.admits(now),
    );
    const surplus = ejected.length - Math.max(1, Math.floor(all.length * this.#maxEjected));
    if (surplus <= 0) return [];
    const reachable = ejected.filter(({ breaker }) => !breaker.unreachable);
    return reachable.sort((a, b) => a.breaker.openedAt - b.breaker.openedAt).slice(-surplus);
  }

  #selects(backend: Backend): boolean {
    const { source, labels } = backend.spec;
    return this.#from.has(source) && this.#where.every(([label, value]) => labels[label] === value);
  }
}

/** The array that was offered last, if it has the same backends. */
function offer(set: CandidateSet, backends: readonly Backend[]): readonly Backend[] {
  if (!sameItems(backends, set.offered)) set.offered = backends;
  return set.offered;
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
