import type { Algorithm, AlgorithmContext, Candidate, Opinion } from './algorithm.ts';
import { isLighter, queueOf } from './lighter.ts';

/** The lighter of two distinct candidates drawn at random: nearly least-load's balance at a cost that no fleet size raises. */
export class PowerOfTwo implements Algorithm {
  readonly #random: AlgorithmContext['random'];

  constructor(random: AlgorithmContext['random']) {
    this.#random = random;
  }

  pick(candidates: readonly Candidate[]): Candidate | undefined {
    const count = candidates.length;
    if (count < 2) return candidates[0];
    const first = Math.floor(this.#random() * count);
    const other = Math.floor(this.#random() * (count - 1));
    const second = other < first ? other : other + 1;
    // The lower position is asked last, so that it wins a full tie whatever the order of the draw.
    const low = candidates[Math.min(first, second)]!;
    const high = candidates[Math.max(first, second)]!;
    return isLighter(high, low) ? high : low;
  }

  /** Of the two that chance draws the lesser one is taken. */
  explain(candidates: readonly Candidate[]): readonly Opinion[] {
    return candidates.map((candidate) => ({ score: queueOf(candidate) }));
  }
}
