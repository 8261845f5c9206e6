import type { IncomingHttpHeaders } from 'node:http';
import type { Algorithm } from '../algorithms/algorithm.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { RouteConfig } from '../config/config.ts';
import { Candidates } from './candidates.ts';
import { type NameMatcher, nameMatcher } from './glob.ts';
import type { RetryBudget } from './retry-budget.ts';

/** One rule of the config, built: globs compiled, algorithm made, candidates cached. */
export class Route {
  readonly name: string;
  readonly config: RouteConfig;
  readonly algorithm: Algorithm;
  readonly candidates: Candidates;
  readonly retryBudget: RetryBudget;
  readonly #matchesModel: NameMatcher;
  readonly #headers: readonly (readonly [name: string, matches: NameMatcher])[];

  constructor(config: RouteConfig, algorithm: Algorithm, retryBudget: RetryBudget, registry: BackendRegistry) {
    this.name = config.name;
    this.config = config;
    this.algorithm = algorithm;
    this.retryBudget = retryBudget;
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
