import type { AlgorithmConfig } from '../config/config.ts';
import type { Algorithm, AlgorithmContext, AlgorithmEvent, Candidate, Opinion, PickRequest } from './algorithm.ts';
import { Shadow } from './shadow.ts';
import type { CreateAlgorithm } from './table.ts';

/** A route's algorithm with others that look on. Routes without any have the algorithm itself, so that they pay nothing. */
export class Shadowed implements Algorithm {
  readonly live: Algorithm;
  readonly shadow: Shadow;

  constructor(live: Algorithm, shadow: Shadow) {
    this.live = live;
    this.shadow = shadow;
  }

  pick(candidates: readonly Candidate[], request: PickRequest, full = candidates): Candidate | undefined {
    const chosen = this.live.pick(candidates, request, full);
    if (chosen !== undefined) this.shadow.picked(candidates, request, chosen);
    return chosen;
  }

  uncachedTokens(candidate: Candidate, request: PickRequest): number {
    return this.live.uncachedTokens?.(candidate, request) ?? 0;
  }

  observe(event: AlgorithmEvent): void {
    this.live.observe?.(event);
    this.shadow.observe(event);
  }

  explain(candidates: readonly Candidate[], request: PickRequest, full = candidates): readonly Opinion[] {
    return this.live.explain?.(candidates, request, full) ?? [];
  }
}

/** Those that a route's `shadow` names, each with memory of its own. The second of a type is counted as `type-2`, and so on. */
export function createShadow(
  configs: readonly AlgorithmConfig[],
  context: AlgorithmContext,
  create: CreateAlgorithm,
): Shadow {
  const { shared: _, ...own } = context;
  const algorithms = new Map<string, Algorithm>();
  for (const config of configs) {
    let name: string = config.type;
    for (let count = 2; algorithms.has(name); count++) name = `${config.type}-${count}`;
    algorithms.set(name, create(config, own));
  }
  return new Shadow(algorithms);
}
