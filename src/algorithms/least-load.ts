import type { Algorithm, Candidate, Opinion, PickRequest } from './algorithm.ts';
import { isLessUsed } from './lighter.ts';

/** What one more running sequence slows the others by, in prompt tokens of prefill. Same figure as prefix-aware's. */
const TOKENS_PER_SEQUENCE = 200;
const BYTES_PER_TOKEN = 4;
/** An image in base64 is a megabyte of body and a thousand tokens: no request counts for more than a long context. */
const MOST_TOKENS = 131_072;

/**
 * The candidate with the least outstanding work per weight, in prompt tokens: those awaiting their first byte, plus each
 * sequence at the engine for what it slows the others.
 *
 * Our own share of an engine's load is counted by us, exactly and now. A fresh scrape adds what came past this router
 * (`running + waiting` less what was ours then), counts a queue twice (it is beyond what the engine can run) and weighs
 * memory. The queue is carried forward by what we have sent and seen end since, so nothing herds between two scrapes, and
 * one backend's scrape does not make it look idle beside another's that is due.
 *
 * A backend without fresh stats is scored by our own count times what the fleet's stats add to theirs on average.
 */
export class LeastLoad implements Algorithm {
  pick(candidates: readonly Candidate[]): Candidate | undefined {
    const known = new Least();
    const unknown = new Least();
    for (const candidate of candidates) {
      const own = ownWork(candidate);
      if (candidate.load.engine === undefined) unknown.offer(candidate, own, own);
      else known.offer(candidate, own, withEngine(candidate, own));
    }
    if (unknown.candidate === undefined) return known.candidate;
    if (known.candidate === undefined) return unknown.candidate;
    const estimate = unknown.score * known.factor;
    if (estimate !== known.score) return estimate < known.score ? unknown.candidate : known.candidate;
    return isLessUsed(unknown.candidate, known.candidate) ? unknown.candidate : known.candidate;
  }

  /** Outstanding work per weight, in prompt tokens. */
  explain(candidates: readonly Candidate[]): readonly Opinion[] {
    const known = new Least();
    for (const candidate of candidates) {
      const own = ownWork(candidate);
      if (candidate.load.engine !== undefined) known.offer(candidate, own, withEngine(candidate, own));
    }
    return candidates.map((candidate) => {
      const own = ownWork(candidate);
      const work = candidate.load.engine === undefined ? own * known.factor : withEngine(candidate, own);
      return { score: work / candidate.weight };
    });
  }

  /** Nothing is known of caches here: the whole prompt, from the body's length. */
  uncachedTokens(_candidate: Candidate, request: PickRequest): number {
    return Math.min(MOST_TOKENS, Math.round(request.body.length / BYTES_PER_TOKEN));
  }
}

/** By our own counts, with the request that is being placed. */
function ownWork({ load }: Candidate): number {
  return load.uncachedTokens + TOKENS_PER_SEQUENCE * (load.inflight + 1);
}

function withEngine({ load }: Candidate, own: number): number {
  const { running, waiting, kvUsage, ours = Math.max(0, load.inflight - load.sinceScrape) } = load.engine!;
  const others = Math.max(0, running + waiting - ours);
  const queued = waiting > 0 ? Math.max(0, waiting + load.inflight - ours) : 0;
  // Memory in use slows nothing by itself; what it costs is preemption, in proportion to the sequences that compete for it.
  const sequences = others + queued + kvUsage * (load.inflight + others);
  return own + TOKENS_PER_SEQUENCE * sequences;
}

class Least {
  candidate: Candidate | undefined;
  /** Per weight. */
  score = Number.POSITIVE_INFINITY;
  scoreSum = 0;
  ownSum = 0;

  /** What the engines' own stats add to our counts, on average; 1 when nobody has any. */
  get factor(): number {
    return this.ownSum === 0 ? 1 : this.scoreSum / this.ownSum;
  }

  offer(candidate: Candidate, own: number, work: number): void {
    this.scoreSum += work;
    this.ownSum += own;
    const score = work / candidate.weight;
    if (score > this.score) return;
    if (score === this.score && !isLessUsed(candidate, this.candidate!)) return;
    this.score = score;
    this.candidate = candidate;
  }
}
