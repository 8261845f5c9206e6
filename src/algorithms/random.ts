import type { Algorithm, AlgorithmContext, Candidate } from './algorithm.ts';

/** Any candidate, with a chance in proportion to its weight. */
export class RandomChoice implements Algorithm {
  readonly #random: AlgorithmContext['random'];

  constructor(random: AlgorithmContext['random']) {
    this.#random = random;
  }

  pick(candidates: readonly Candidate[]): Candidate | undefined {
    let total = 0;
    for (const { weight } of candidates) total += weight;
    let left = this.#random() * total;
    for (const candidate of candidates) {
      left -= candidate.weight;
      if (left < 0) return candidate;
    }
    // Rounding of fractional weights can leave a hair over.
    return candidates.at(-1);
  }
}
