import type { Candidate } from './algorithm.ts';

/**
 * Whether `a` has the shorter queue per weight, counting the request that is being placed; without it an idle backend of
 * weight 10 would tie with an idle one of weight 1. Equal ones are told apart by how much they have had.
 */
export function isLighter(a: Candidate, b: Candidate): boolean {
  const queueA = (a.load.inflight + 1) * b.weight;
  const queueB = (b.load.inflight + 1) * a.weight;
  if (queueA !== queueB) return queueA < queueB;
  return isLessUsed(a, b);
}

/**
 * The tie-breaker of every load-based algorithm: fewer in flight, then fewer ever sent per weight; the caller's order
 * decides the rest. Without the second key an idle fleet's first backend would get everything.
 */
export function isLessUsed(a: Candidate, b: Candidate): boolean {
  if (a.load.inflight !== b.load.inflight) return a.load.inflight < b.load.inflight;
  return a.load.processed * b.weight < b.load.processed * a.weight;
}

/** The queue per weight that `isLighter` compares, for people. */
export function queueOf({ load, weight }: Candidate): number {
  return (load.inflight + 1) / weight;
}
