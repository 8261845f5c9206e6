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
  /**
   * What breaks ties, as `isLessUsed` does. Of 1,000 candidates nearly all are idle, so nearly every comparison is a tie:
   * read from the candidates themselves each time they made a tenth of a decision's cost.
   */
  inflight: Float64Array = new Float64Array(0);
  used: Float64Array = new Float64Array(0);

  reserve(count: number): void {
    if (this.miss.length >= count) return;
    this.miss = new Float64Array(2 * count);
    this.depth = new Uint32Array(2 * count);
    this.busy = new Float64Array(2 * count);
    this.score = new Float64Array(2 * count);
    this.inflight = new Float64Array(2 * count);
    this.used = new Float64Array(2 * count);
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
  const { miss, depth, busy, score, inflight, used } = field;
  const count = loads.length;
  let waiting = Number.POSITIVE_INFINITY;
  for (let at = 0; at < count; at++) {
    const load = loads[at]!;
    const weight = shares[at]!;
    const { uncachedTokens } = load;
    const running = load.inflight;
    waiting = Math.min(waiting, uncachedTokens / weight);
    busy[at] = (weights.load * (uncachedTokens + weights.perSequence * running)) / weight;
    inflight[at] = running;
    used[at] = load.processed / weight;
  }
  const missFactor = weights.miss + (weights.behind * waiting) / situation.meanMiss;
  let best = 0;
  let idlest = 0;
  let idlestHolder = -1;
  let holders = 0;
  for (let at = 0; at < count; at++) {
    score[at] = busy[at]! + (missFactor * miss[at]!) / shares[at]!;
    if (isLess(field, score, at, best)) best = at;
    if (isLess(field, busy, at, idlest)) idlest = at;
    if (situation.deepest === 0 || depth[at] !== situation.deepest) continue;
    holders++;
    if (idlestHolder < 0 || isLess(field, busy, at, idlestHolder)) idlestHolder = at;
  }
  if (idlestHolder < 0 || busy[idlestHolder]! <= busy[idlest]!) return best;
  return holders < Math.ceil(situation.share * count * weights.spread) ? idlest : best;
}

function isLess({ inflight, used }: Field, key: Float64Array, a: number, b: number): boolean {
  if (key[a] !== key[b]) return key[a]! < key[b]!;
  return inflight[a] === inflight[b] ? used[a]! < used[b]! : inflight[a]! < inflight[b]!;
}
