import type { Algorithm, AlgorithmEvent, Candidate, Opinion, PickRequest } from './algorithm.ts';

/**
 * The algorithms of a route's two roles. The pipeline asks each for its own leg of a request; what it sends to one backend as a whole
 * (a pinned one) counts as decoding.
 */
export class DisaggregatedPrefill implements Algorithm {
  readonly prefill: Algorithm;
  readonly decode: Algorithm;

  constructor(prefill: Algorithm, decode: Algorithm) {
    this.prefill = prefill;
    this.decode = decode;
  }

  pick(candidates: readonly Candidate[], request: PickRequest, full = candidates): Candidate | undefined {
    return this.decode.pick(candidates, request, full);
  }

  explain(candidates: readonly Candidate[], request: PickRequest, full = candidates): readonly Opinion[] {
    return this.decode.explain?.(candidates, request, full) ?? [];
  }

  uncachedTokens(candidate: Candidate, request: PickRequest): number {
    return this.decode.uncachedTokens?.(candidate, request) ?? 0;
  }

  observe(event: AlgorithmEvent): void {
    if (event.type === 'removed') this.prefill.observe?.(event);
    this.decode.observe?.(event);
  }
}
