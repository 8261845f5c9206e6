import type { Backend } from '../backends/backend.ts';
import { concealHeaders } from '../config/conceal.ts';
import type { AlgorithmConfig, RouteConfig } from '../config/config.ts';
import type { Route } from '../pipeline/route.ts';
import type { AdminDeps } from './admin-deps.ts';
import { inSlices } from './slices.ts';

/** One route as `GET /admin/routes` shows it. */
export interface ShownRoute {
  readonly name: string;
  readonly match: RouteConfig['match'];
  readonly backends: RouteConfig['backends'];
  readonly algorithm: AlgorithmConfig;
  readonly fallback: readonly string[];
  /** Requests open now. */
  readonly inflight: number;
  /** Attempts in `stats.window`. */
  readonly attempts: number;
  readonly candidates: readonly ShownCandidate[];
}

interface ShownCandidate {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly state: Backend['state'];
  /** May get a request now. */
  readonly available: boolean;
  readonly weight: number;
  /** Of the route's attempts in the window, 0..1; null when there were none. */
  readonly share: number | null;
}

export async function showRoutes(deps: AdminDeps): Promise<ShownRoute[]> {
  const inflight = new Map([...deps.stats.inflight.cells].map(({ labels, value }) => [labels[0], value]));
  const shown: ShownRoute[] = [];
  await inSlices(deps.snapshot().routes, (route) => {
    shown.push(showRoute(route, inflight.get(route.name) ?? 0, deps));
  });
  return shown;
}

function showRoute(route: Route, inflight: number, { stats, now }: AdminDeps): ShownRoute {
  const at = now();
  const counts = stats.shares.of(route.name, at);
  const attempts = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const { name, match, backends, algorithm, fallback } = route.config;
  return {
    name,
    match: { ...match, headers: concealHeaders(match.headers) },
    backends,
    algorithm,
    fallback,
    inflight,
    attempts,
    candidates: route.candidates.members().map((backend) => ({
      id: backend.id,
      name: backend.spec.name,
      url: backend.url,
      state: backend.state,
      available: backend.available(at),
      weight: backend.weight,
      share: attempts === 0 ? null : (counts.get(backend.url) ?? 0) / attempts,
    })),
  };
}
