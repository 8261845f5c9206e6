import type { IncomingHttpHeaders } from 'node:http';
import type { Algorithm } from '../algorithms/algorithm.ts';
import { DisaggregatedPrefill } from '../algorithms/disaggregated-prefill.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { DisaggregatedPrefillConfig, RoleConfig, RouteConfig } from '../config/config.ts';
import { Candidates } from './candidates.ts';
import { type NameMatcher, nameMatcher } from './glob.ts';
import type { RetryBudget } from './retry-budget.ts';

export type Role = 'prefill' | 'decode';

/** The two halves of a disaggregated route: each a route of its own, with its part of the backends and its own algorithm. */
export interface Roles {
  /** Of the route that has them. */
  readonly route: string;
  readonly form: DisaggregatedPrefillConfig['form'];
  readonly prefill: Route;
  readonly decode: Route;
}

/** One rule of the config, built: globs compiled, algorithm made, candidates cached. */
export class Route {
  readonly name: string;
  readonly config: RouteConfig;
  readonly algorithm: Algorithm;
  readonly candidates: Candidates;
  readonly retryBudget: RetryBudget;
  /** Requests go through these in turn. */
  readonly roles: Roles | undefined;
  /** Which half of another route this is. */
  readonly role: Role | undefined;
  readonly #matchesModel: NameMatcher;
  readonly #headers: readonly (readonly [name: string, matches: NameMatcher])[];

  constructor(
    config: RouteConfig,
    algorithm: Algorithm,
    retryBudget: RetryBudget,
    registry: BackendRegistry,
    role?: Role,
  ) {
    this.name = config.name;
    this.config = config;
    this.algorithm = algorithm;
    this.retryBudget = retryBudget;
    this.role = role;
    if (config.algorithm.type === 'disaggregated-prefill' && algorithm instanceof DisaggregatedPrefill) {
      const { form, prefill, decode } = config.algorithm;
      this.roles = {
        route: config.name,
        form,
        prefill: new Route(inRole(config, 'prefill', prefill), algorithm.prefill, retryBudget, registry, 'prefill'),
        decode: new Route(inRole(config, 'decode', decode), algorithm.decode, retryBudget, registry, 'decode'),
      };
    }
    this.candidates = new Candidates(registry, config.backends, config.circuitBreaker.maxEjected);
    this.#matchesModel = nameMatcher(config.match.models);
    this.#headers = Object.entries(config.match.headers).map(([name, value]) => [name, nameMatcher([value])]);
  }

  /** `model` after aliases. */
  matches(model: string, headers: IncomingHttpHeaders): boolean {
    if (!this.#matchesModel(model)) return false;
    for (const [name, matches] of this.#headers) {
      const value = headers[name];
      if (value === undefined || !matches(String(value))) return false;
    }
    return true;
  }
}

/** Its own name keeps its queue apart; a slash stands in no other route's. */
function inRole(config: RouteConfig, role: Role, { where, algorithm }: RoleConfig): RouteConfig {
  const { from, where: own } = config.backends;
  // Nothing has two values of one label.
  const contradicts = Object.entries(where).some(([label, value]) => own[label] !== undefined && own[label] !== value);
  const backends = { from: contradicts ? [] : from, where: { ...own, ...where } };
  return { ...config, name: `${config.name}/${role}`, algorithm, backends };
}
