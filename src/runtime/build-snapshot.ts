import type { Algorithm, AlgorithmContext } from '../algorithms/algorithm.ts';
import { createShadow, Shadowed } from '../algorithms/shadowed.ts';
import { createAlgorithm } from '../algorithms/table.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { Config, RouteConfig } from '../config/config.ts';
import { sameSettings } from '../config/settings-text.ts';
import { RetryBudget } from '../pipeline/retry-budget.ts';
import { Route } from '../pipeline/route.ts';
import type { Snapshot } from '../pipeline/snapshot.ts';
import type { Tracer } from '../pipeline/trace.ts';

/**
 * Builds everything of a config that a request reads. A route that has not changed stays what it is; what algorithms have learnt goes
 * on where a route keeps its name and its algorithm's settings. Throws when a part cannot be built; nothing has changed then.
 */
export function buildSnapshot(
  config: Config,
  hash: string,
  before: Snapshot | undefined,
  registry: BackendRegistry,
  context: AlgorithmContext,
  tracer?: Tracer,
): Snapshot {
  const routes = config.routes.map((route) =>
    buildRoute(route, before?.routesByName.get(route.name), registry, context),
  );
  return Object.freeze({
    config,
    hash,
    generation: (before?.generation ?? 0) + 1,
    routes,
    routesByName: new Map(routes.map((route) => [route.name, route])),
    aliases: new Map(Object.entries(config.models.aliases)),
    tracer,
  });
}

function buildRoute(
  config: RouteConfig,
  before: Route | undefined,
  registry: BackendRegistry,
  context: AlgorithmContext,
): Route {
  if (sameSettings(before?.config, config)) return before!;
  const algorithm = algorithmOf(config, before, context);
  const budget =
    before?.retryBudget.share === config.retry.budget ? before.retryBudget : new RetryBudget(config.retry.budget);
  return new Route(config, algorithm, budget, registry);
}

function algorithmOf(config: RouteConfig, before: Route | undefined, context: AlgorithmContext): Algorithm {
  const kept = sameSettings(before?.config.algorithm, config.algorithm) ? before!.algorithm : undefined;
  if (kept !== undefined && sameSettings(before!.config.shadow, config.shadow)) return kept;
  const live = kept instanceof Shadowed ? kept.live : (kept ?? createAlgorithm(config.algorithm, context));
  if (config.shadow.length === 0 || config.algorithm.type === 'disaggregated-prefill') return live;
  return new Shadowed(live, createShadow(config.shadow, context, createAlgorithm));
}
