import type { Algorithm, AlgorithmEvent, Candidate, PickRequest } from '../../algorithms/algorithm.ts';
import type { SimRequest } from './sim-request.ts';

/** (key, in-flight, total processed, position), the router's own order of ties. */
function least(candidates: readonly Candidate[], key: (candidate: Candidate) => number): Candidate {
  let best = candidates[0]!;
  let bestKey = key(best);
  for (const candidate of candidates) {
    const value = key(candidate);
    if (value > bestKey) continue;
    if (value === bestKey) {
      const { inflight, processed } = candidate.load;
      if (inflight > best.load.inflight) continue;
      if (inflight === best.load.inflight && processed >= best.load.processed) continue;
    }
    best = candidate;
    bestKey = value;
  }
  return best;
}

/** What was sent to each backend, in exact blocks; per backend the least recently used beyond `capacity` are forgotten. */
class SentBlocks {
  readonly #sent = new Map<string, Map<number, true>>();
  readonly #capacity: number;

  /** In blocks. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  size(id: string): number {
    return this.#sent.get(id)?.size ?? 0;
  }

  /** Leading blocks of the prompt that the backend was sent. */
  match(id: string, blocks: Int32Array): number {
    const sent = this.#sent.get(id);
    if (sent === undefined) return 0;
    let matched = 0;
    while (matched < blocks.length && sent.has(blocks[matched]!)) matched++;
    return matched;
  }

  add(id: string, blocks: Int32Array): void {
    let sent = this.#sent.get(id);
    if (sent === undefined) {
      sent = new Map();
      this.#sent.set(id, sent);
    }
    for (let at = blocks.length - 1; at >= 0; at--) {
      sent.delete(blocks[at]!);
      sent.set(blocks[at]!, true);
    }
    for (const oldest of sent.keys()) {
      if (sent.size <= this.#capacity) break;
      sent.delete(oldest);
    }
  }

  remove(id: string): void {
    this.#sent.delete(id);
  }
}

/** What a rival may know of the fleet. */
export interface RivalContext {
  readonly blockTokens: number;
  /** Tokens of KV memory of an engine. */
  readonly cacheTokens: number;
  /** Prompt tokens an engine computes in a second. */
  readonly prefillRate: number;
}

/**
 * SMG's (formerly sglang-router's) cache-aware policy: the longest match when it is above 0.3 of the prompt, else the
 * backend with the smallest tree; out of balance (max - min in flight > 64 and max > 1.5 × min) the least loaded.
 */
export class SmgCacheAware implements Algorithm {
  readonly #sent: SentBlocks;

  constructor() {
    // SMG bounds its tree by 2^26 characters per tenant by default; no run here comes near it.
    this.#sent = new SentBlocks(Number.POSITIVE_INFINITY);
  }

  pick(candidates: readonly Candidate[], request: PickRequest): Candidate {
    const { blocks } = (request as SimRequest).arrival;
    let min = Number.POSITIVE_INFINITY;
    let max = 0;
    for (const { load } of candidates) {
      min = Math.min(min, load.inflight);
      max = Math.max(max, load.inflight);
    }
    if (max - min > 64 && max > 1.5 * min) return least(candidates, ({ load }) => load.inflight);
    const matches = new Map(candidates.map((candidate) => [candidate, this.#sent.match(candidate.id, blocks)]));
    const best = least(candidates, (candidate) => -matches.get(candidate)!);
    if (matches.get(best)! / blocks.length > 0.3) return best;
    return least(candidates, ({ id }) => this.#sent.size(id));
  }

  observe(event: AlgorithmEvent): void {
    if (event.type === 'dispatched') this.#sent.add(event.candidate.id, (event.request as SimRequest).arrival.blocks);
    else if (event.type === 'removed') this.#sent.remove(event.id);
  }
}

/**
 * llm-d's sticky-until-saturated: the warm backends (affinity at least 0.8 of the best) keep the request until the wait
 * there (U ÷ prefill rate) exceeds that of the best cold one by 2 s; then least U + miss. It is given the engines' true
 * memory and prefill rate, which it gets by calibration in life.
 */
export class StickyUntilSaturated implements Algorithm {
  readonly #sent: SentBlocks;
  readonly #context: RivalContext;

  constructor(context: RivalContext) {
    this.#context = context;
    this.#sent = new SentBlocks(Math.floor(context.cacheTokens / context.blockTokens));
  }

  pick(candidates: readonly Candidate[], request: PickRequest): Candidate {
    const miss = new Map(candidates.map((candidate) => [candidate, this.uncachedTokens(candidate, request)]));
    const { promptTokens } = (request as SimRequest).arrival;
    const affinity = (candidate: Candidate) => 1 - miss.get(candidate)! / promptTokens;
    const best = Math.max(...candidates.map(affinity));
    const warm = candidates.filter((candidate) => affinity(candidate) >= 0.8 * best);
    const cold = candidates.filter((candidate) => affinity(candidate) < 0.8 * best);
    const waiting = ({ load }: Candidate) => load.uncachedTokens;
    const home = least(warm, waiting);
    if (cold.length === 0) return home;
    const away = least(cold, waiting);
    if (waiting(home) - waiting(away) <= 2 * this.#context.prefillRate) return home;
    return least(candidates, (candidate) => waiting(candidate) + miss.get(candidate)!);
  }

  uncachedTokens(candidate: Candidate, request: PickRequest): number {
    const { blocks, promptTokens } = (request as SimRequest).arrival;
    const matched = this.#sent.match(candidate.id, blocks) * this.#context.blockTokens;
    return Math.max(1, promptTokens - matched);
  }

  observe(event: AlgorithmEvent): void {
    if (event.type === 'dispatched') this.#sent.add(event.candidate.id, (event.request as SimRequest).arrival.blocks);
    else if (event.type === 'removed') this.#sent.remove(event.id);
  }
}
