import type { Candidate, Load } from '../algorithm.ts';

/** What the policy weighs; see `docs/algorithms.md` for how the figures came about. */
export interface PolicyWeights {
  /** What the work before a request counts against a miss. */
  readonly load: number;
  /** What a token that has to be computed counts on an idle backend. */
  readonly miss: number;
  /** How much more it counts for each request's worth of prompt work that waits even at the idlest backend. */
  readonly behind: number;
  /** Prompt tokens that one more running sequence costs the others. */
  readonly perSequence: number;
  /** Holders a block deserves: its share of the traffic × candidates × this, rounded up. */
  readonly spread: number;
}

export const WEIGHTS: PolicyWeights = { load: 1, miss: 3, behind: 2, perSequence: 200, spread: 1.5 };

/** What is read of a set's candidates at every pick, side by side: of 1,000, each step through an object is a cache miss. */
export class CandidateSet {
  readonly slots: Uint16Array;
  readonly loads: readonly Load[];
  readonly weights: Float64Array;

  /** `slotOf` gives a candidate's slot in the index. */
  constructor(candidates: readonly Candidate[], slotOf: (id: string) => number) {
    this.slots = Uint16Array.from(candidates, ({ id }) => slotOf(id));
    this.loads = candidates.map(({ load }) => load);
    this.weights = Float64Array.from(candidates, ({ weight }) => weight);
  }
}

/** The candidates of one pick, by position; one object is used again for every pick. */
export class Field {
  /** Tokens of this request that the candidate would have to compute. */
  miss: Float64Array = new Float64Array(0);
  /** Blocks of the prompt that the candidate holds. */
  depth: Uint32Array = new Uint32Array(0);
  /** Work at the candidate, and the same with this request's cost; prompt tokens per weight. */
  busy: Float64Array = new Float64Array(0);
  score: Float64Array = new Float64Array(0);

  reserve(count: number): void {
    if (this.miss.length >= count) return;
    this.miss = new Float64Array(2 * count);
    this.depth = new Uint32Array(2 * count);
    this.busy = new Float64Array(2 * count);
    this.score = new Float64Array(2 * count);
  }
}

/** What the policy must know beyond the field. */
export interface Situation {
  /** The most blocks that a candidate holds, and their share of the traffic; 0 when nobody holds any. */
  readonly deepest: number;
  readonly share: number;
  /** Tokens that a request here costs on average. */
  readonly meanMiss: number;
}

/**
 * The position of the candidate that gets the request, by two rules.
 *
 * Score: work before it (times `loadWeight`, 1 unless told otherwise) + miss × (3 + 2 × what waits at the idlest backend, in requests); least wins. A miss takes time from
 * everyone who queues behind it, so it counts the more the longer the shortest queue is. As long as some backend is idle, that
 * one is better than a warm one with a queue; under overload only saved work helps. By the mean queue instead, a backend that
 * joined an overloaded fleet stayed idle for ever: everybody else's queue forbade the miss that would have warmed it.
 *
 * Replication by share: a block asked for by a share s of the traffic deserves s × candidates × spread holders. While it
 * has fewer, and the idlest of them is busier than the idlest candidate, the latter gets the request and becomes one.
 */
export function choose(
  { loads, weights: shares }: Pick<CandidateSet, 'loads' | 'weights'>,
  field: Field,
  situation: Situation,
  weights: PolicyWeights = WEIGHTS,
): number {
  const { miss, depth, busy, score } = field;
  const count = loads.length;
  const { load: loadWeight, perSequence } = weights;
  let waiting = Number.POSITIVE_INFINITY;
  for (let at = 0; at < count; at++) {
    const load = loads[at]!;
    const weight = shares[at]!;
    const { uncachedTokens } = load;
    const waits = per(weight, uncachedTokens);
    if (waits < waiting) waiting = waits;
    busy[at] = per(weight, loadWeight * (uncachedTokens + perSequence * load.inflight));
  }
  const missFactor = weights.miss + (weights.behind * waiting) / situation.meanMiss;
  const best = new Least();
  for (let at = 0; at < count; at++) {
    const weight = shares[at]!;
    const key = busy[at]! + per(weight, missFactor * miss[at]!);
    score[at] = key;
    if (key <= best.key) best.offer(at, key, loads[at]!.inflight, per(weight, loads[at]!.processed));
  }
  const { deepest, share } = situation;
  if (deepest === 0) return best.at;
  let holders = 0;
  let idlest = Number.POSITIVE_INFINITY;
  let idlestHolder = Number.POSITIVE_INFINITY;
  for (let at = 0; at < count; at++) {
    if (busy[at]! < idlest) idlest = busy[at]!;
    if (depth[at] !== deepest) continue;
    holders++;
    if (busy[at]! < idlestHolder) idlestHolder = busy[at]!;
  }
  if (idlestHolder <= idlest || holders >= Math.ceil(share * count * weights.spread)) return best.at;
  const newHolder = new Least();
  for (let at = 0; at < count; at++) {
    newHolder.offer(at, busy[at]!, loads[at]!.inflight, per(shares[at]!, loads[at]!.processed));
  }
  return newHolder.at;
}

/** Most weights are 1, and a division takes as long as all else that is done for a candidate. */
function per(weight: number, amount: number): number {
  return weight === 1 ? amount : amount / weight;
}

/** The first of those with the least key; of equal ones the one with fewest in flight, then the least used: as `isLessUsed` has it. */
class Least {
  at = 0;
  key = Number.POSITIVE_INFINITY;
  #inflight = 0;
  #used = 0;

  offer(at: number, key: number, inflight: number, used: number): void {
    if (key > this.key) return;
    if (key === this.key && (inflight === this.#inflight ? used >= this.#used : inflight > this.#inflight)) return;
    this.at = at;
    this.key = key;
    this.#inflight = inflight;
    this.#used = used;
  }
}
