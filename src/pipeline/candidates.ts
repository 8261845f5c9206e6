import type { Backend } from '../backends/backend.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { RouteConfig } from '../config/config.ts';

/** The backends of one route that serve one model, sorted by URL, and the last subset that was available. */
interface CandidateSet {
  readonly all: readonly Backend[];
  readonly weights: readonly number[];
  available: readonly Backend[];
}

/**
 * Who may serve a request of one route. The list per model is built once per change of the backend set; a request then costs
 * one pass over it, and none of the arrays is new as long as the set is the same, so that algorithms can key state by it.
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
    if (tried.length === 0 && allAvailable(set.all, now)) return set.all;
    const spared = this.#spared(set.all, now);
    const usable = (backend: Backend) => backend.available(now) || spared.includes(backend);
    let available = set.all.filter((backend) => usable(backend) && !tried.includes(backend));
    if (available.length === 0 && panic) {
      available = set.all.filter((backend) => backend.assignable && !tried.includes(backend));
    }
    if (tried.length > 0) return available;
    if (!sameItems(available, set.available)) set.available = available;
    return set.available;
  }

  /** Backends of the route regardless of model, for people and metrics. */
  members(): readonly Backend[] {
    return this.#registry.backends.filter((backend) => this.#selects(backend));
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
    const set: CandidateSet = same ? before : { all, weights, available: all };
    // Names that nobody serves come from clients and would fill the map.
    if (all.length > 0) this.#byModel.set(model, set);
    return set;
  }

  /** Beyond their share, the backends whose breakers opened last stay in: a fault that hits all of them is not theirs. */
  #spared(all: readonly Backend[], now: number): readonly Backend[] {
    const ejected = all.filter(
      ({ assignable, unhealthy, breaker }) => assignable && !unhealthy && !breaker.admits(now),
    );
    const most = Math.max(1, Math.floor(all.length * this.#maxEjected));
    if (ejected.length <= most) return [];
    return ejected.sort((a, b) => a.breaker.openedAt - b.breaker.openedAt).slice(most);
  }

  #selects(backend: Backend): boolean {
    const { source, labels } = backend.spec;
    return this.#from.has(source) && this.#where.every(([label, value]) => labels[label] === value);
  }
}

function allAvailable(backends: readonly Backend[], now: number): boolean {
  for (const backend of backends) if (!backend.available(now)) return false;
  return true;
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
