import type { Backend } from '../backends/backend.ts';
import type { Admission } from './admit.ts';
import type { Leg } from './leg.ts';
import type { Route } from './route.ts';
import type { RoutedRequest } from './routed-request.ts';

export interface Chooser {
  readonly admission: Admission;
  /** Monotonic ms. */
  readonly now: () => number;
  readonly random: () => number;
}

/**
 * The backend for the next attempt by the route's algorithm; `full` when those that could serve have all they may have, undefined when
 * there is none. `panic`: take what breakers and health checks advise against rather than none.
 */
export function choose(
  routed: RoutedRequest,
  route: Route,
  leg: Leg,
  panic: boolean,
  deps: Chooser,
): Backend | 'full' | undefined {
  const { tried } = leg;
  const now = deps.now();
  const limit = route.config.limits.inflightPerBackend;
  if (routed.pinned !== undefined) {
    if (tried.length > 0 || !routed.pinned.available(now)) return undefined;
    return deps.admission.isFull(routed.pinned, limit) ? 'full' : routed.pinned;
  }
  const candidates = route.candidates.available(routed.model, tried, now, panic);
  if (candidates.length === 0) return undefined;
  leg.firstCandidates ??= candidates;
  const warming = route.candidates.someWarmUp(now);
  const open = limit === 0 && !warming ? candidates : narrowed(candidates, limit, now, deps);
  if (open.length === 0) return 'full';
  routed.explanation?.consider(route, open, routed, leg.firstCandidates);
  return route.algorithm.pick(open, routed, leg.firstCandidates) as Backend | undefined;
}

/** Without those that are full, and without those that are coming back as often as their share is not yet whole. */
function narrowed(candidates: readonly Backend[], limit: number, now: number, deps: Chooser): readonly Backend[] {
  let all = true;
  for (const backend of candidates) {
    if (backend.share(now) < 1 || deps.admission.isFull(backend, limit)) {
      all = false;
      break;
    }
  }
  if (all) return candidates;
  const open = limit > 0 ? candidates.filter((backend) => !deps.admission.isFull(backend, limit)) : candidates;
  const warm = open.filter((backend) => {
    const share = backend.share(now);
    return share >= 1 || deps.random() < share;
  });
  return warm.length > 0 ? warm : open;
}
