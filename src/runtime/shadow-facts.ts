import { Shadowed } from '../algorithms/shadowed.ts';
import type { Snapshot } from '../pipeline/snapshot.ts';
import type { ShadowFacts } from '../stats/facts.ts';

/** Of every route that has a `shadow`. */
export function* shadowFacts(snapshot: Snapshot | undefined): Iterable<ShadowFacts> {
  for (const { name, algorithm } of snapshot?.routes ?? []) {
    if (!(algorithm instanceof Shadowed)) continue;
    for (const count of algorithm.shadow.counts) yield { route: name, ...count };
  }
}
