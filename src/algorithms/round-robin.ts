import type { Algorithm, AlgorithmEvent, Candidate, Opinion, PickRequest } from './algorithm.ts';

/**
 * Each in turn, by weight: nginx's smooth weighted round-robin, in which every candidate earns its weight per pick and the
 * one that takes the turn pays for all. Equal weights make it strictly cyclic in the order of the URLs.
 *
 * Turns are counted per candidate set: one counter for all would let two models that alternate on the same two backends
 * pin each to one of them. A retry takes its turn from the set it came from, so the backend that takes over a failed
 * one's request is not served again at once.
 */
export class RoundRobin implements Algorithm {
  readonly #turns = new WeakMap<readonly Candidate[], Turns>();
  #latest: Turns | undefined;

  pick(candidates: readonly Candidate[], _request: PickRequest, full = candidates): Candidate | undefined {
    let turns = this.#turns.get(full);
    if (turns === undefined) {
      turns = new Turns(full, this.#latest);
      this.#turns.set(full, turns);
    }
    this.#latest = turns;
    return turns.next(candidates);
  }

  /** What each would have to pay to be next: the one that has earned most. */
  explain(candidates: readonly Candidate[], _request: PickRequest, full = candidates): readonly Opinion[] {
    const turns = this.#turns.get(full) ?? new Turns(full, this.#latest);
    return candidates.map((candidate) => ({ score: -turns.earned(candidate) }));
  }

  observe(event: AlgorithmEvent): void {
    // The sets themselves go with the arrays they are kept for; only the latest one is held from here.
    if (event.type === 'removed') this.#latest?.forget(event.id);
  }
}

class Turns {
  readonly #candidates: readonly Candidate[];
  /** What each candidate has earned and not spent, by its position. */
  readonly #credit: Float64Array;
  readonly #weights: Float64Array;
  readonly #total: number;

  /**
   * A set that changed goes on where the one before stood: starting anew would favour the first URL on every change of
   * the fleet, and with a pod coming or going each second that is most of the traffic.
   */
  constructor(candidates: readonly Candidate[], before: Turns | undefined) {
    this.#candidates = candidates;
    this.#credit = new Float64Array(candidates.length);
    this.#weights = Float64Array.from(candidates, ({ weight }) => weight);
    this.#total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    if (before !== undefined) this.#inherit(before);
  }

  #inherit(before: Turns): void {
    const known = new Map(before.#candidates.map(({ id }, position) => [id, before.#credit[position]!]));
    let sum = 0;
    let count = 0;
    for (const { id } of this.#candidates) {
      const credit = known.get(id);
      if (credit === undefined) continue;
      sum += credit;
      count++;
    }
    if (count === 0) return;
    // Only differences matter; around zero, newcomers (at zero) are neither owed nor owing anything.
    for (let position = 0; position < this.#candidates.length; position++) {
      const credit = known.get(this.#candidates[position]!.id);
      if (credit !== undefined) this.#credit[position] = credit - sum / count;
    }
  }

  /** `among` is this set or a part of it in the same order. */
  next(among: readonly Candidate[]): Candidate | undefined {
    return among === this.#candidates ? this.#nextOfAll() : this.#nextOf(among);
  }

  /** Side by side in memory: of 1,000 candidates, each step through an object is a cache miss. */
  #nextOfAll(): Candidate | undefined {
    const credit = this.#credit;
    const weights = this.#weights;
    let most = Number.NEGATIVE_INFINITY;
    let best = 0;
    for (let position = 0; position < weights.length; position++) {
      const earned = credit[position]! + weights[position]!;
      credit[position] = earned;
      if (earned <= most) continue;
      most = earned;
      best = position;
    }
    credit[best] = most - this.#total;
    return this.#candidates[best];
  }

  #nextOf(among: readonly Candidate[]): Candidate | undefined {
    const credit = this.#credit;
    let total = 0;
    let best = -1;
    let position = 0;
    for (const candidate of among) {
      while (position < credit.length && this.#candidates[position]!.id !== candidate.id) position++;
      if (position === credit.length) break;
      const earned = credit[position]! + candidate.weight;
      credit[position] = earned;
      total += candidate.weight;
      if (best === -1 || earned > credit[best]!) best = position;
      position++;
    }
    if (best === -1) return among[0];
    credit[best] = credit[best]! - total;
    return this.#candidates[best];
  }

  /** What a candidate will have at the next turn. */
  earned({ id, weight }: Candidate): number {
    const position = this.#candidates.findIndex((candidate) => candidate.id === id);
    return (this.#credit[position] ?? 0) + weight;
  }

  forget(id: string): void {
    const position = this.#candidates.findIndex((candidate) => candidate.id === id);
    if (position !== -1) this.#credit[position] = 0;
  }
}
