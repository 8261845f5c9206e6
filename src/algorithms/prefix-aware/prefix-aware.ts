import type { Algorithm, AlgorithmEvent, Candidate, Opinion, PickRequest } from '../algorithm.ts';
import { NO_SLOT } from './backend-slots.ts';
import { BLOCK_ENDS } from './blocks.ts';
import { CandidateSet, choose, Field, type PolicyWeights, WEIGHTS } from './policy.ts';
import type { PrefixIndex } from './prefix-index.ts';

/** A cache hit comes in whole blocks of the engine, and bytes tell tokens only roughly. */
const HIT_SHARE = 0.9;
const HIT_SLACK = 64;

/** What was believed of a request when it was placed. */
interface Placement {
  readonly candidate: Candidate;
  /** Blocks believed to be cached there. */
  readonly depth: number;
  /** Prompt tokens to be computed. */
  readonly miss: number;
  /** Of the whole prompt. */
  readonly bytes: number;
  /** From here on after the dispatch. The stamp of the blocks it put there. */
  stamp: number;
  /** Share of the prompt that had been there once, fresh or not, and the stamp and age of the last such block. */
  heldShare: number;
  heldStamp: number;
  heldAge: number;
}

/**
 * The longest cached prefix within what the queues allow: see `policy.ts` for the rules, `prefix-index.ts` for what is known
 * of the engines' caches. Requests without a prompt go by `otherwise`.
 */
export class PrefixAware implements Algorithm {
  readonly #index: PrefixIndex;
  readonly #otherwise: Algorithm;
  readonly #weights: PolicyWeights;
  readonly #field = new Field();
  readonly #placements = new WeakMap<PickRequest, Placement>();
  #sets = new WeakMap<readonly Candidate[], CandidateSet>();

  constructor(index: PrefixIndex, otherwise: Algorithm, weights: PolicyWeights = WEIGHTS) {
    this.#index = index;
    this.#otherwise = otherwise;
    this.#weights = weights;
  }

  pick(candidates: readonly Candidate[], request: PickRequest, full = candidates): Candidate | undefined {
    if (candidates.length === 0 || !this.#match(request)) return this.#otherwise.pick(candidates, request, full);
    const chosen = this.#choose(candidates);
    const candidate = candidates[chosen]!;
    this.#placements.set(request, {
      candidate,
      depth: this.#field.depth[chosen]!,
      miss: this.#field.miss[chosen]!,
      bytes: this.#index.blocks.bytes,
      stamp: 0,
      heldShare: 0,
      heldStamp: 0,
      heldAge: 0,
    });
    return candidate;
  }

  /** The scores of the policy's first rule; its second may send the request to the idlest one instead. */
  explain(candidates: readonly Candidate[], request: PickRequest, full = candidates): readonly Opinion[] {
    if (candidates.length === 0 || !this.#match(request)) {
      return this.#otherwise.explain?.(candidates, request, full) ?? [];
    }
    this.#choose(candidates);
    const { score, depth } = this.#field;
    const { bytes } = this.#index.blocks;
    return candidates.map((_, at) => ({ score: score[at]!, matched: BLOCK_ENDS[depth[at]!]! / bytes }));
  }

  uncachedTokens(candidate: Candidate, request: PickRequest): number {
    const placement = this.#placements.get(request);
    if (placement?.candidate === candidate) return placement.miss;
    return this.#otherwise.uncachedTokens?.(candidate, request) ?? 0;
  }

  observe(event: AlgorithmEvent): void {
    if (event.type === 'removed') {
      this.#index.removeBackend(event.id);
      this.#sets = new WeakMap();
      this.#otherwise.observe?.(event);
      return;
    }
    const { request, candidate } = event;
    const placement = this.#placements.get(request);
    if (placement === undefined) this.#otherwise.observe?.(event);
    else if (placement.candidate !== candidate) return;
    else if (event.type === 'dispatched') this.#dispatched(request, placement);
    else if (event.type === 'usage') this.#learn(placement, event.promptTokens, event.cachedTokens);
    else if (event.type === 'finished') {
      if (!event.ok && event.beforeFirstByte) this.#withdraw(request, placement);
      // Although weak: V8 clears its weak maps in full collections only, and until then keeps the requests and their bodies.
      this.#placements.delete(request);
    }
  }

  /** False when the request has no prompt to go by. */
  #match(request: PickRequest): boolean {
    const range = request.promptRange();
    if (range === undefined) return false;
    const index = this.#index;
    if (index.matchedFor !== request) index.blocks.hash(request.model, request.body, range[0], range[1]);
    index.match(request);
    return true;
  }

  #choose(candidates: readonly Candidate[]): number {
    const index = this.#index;
    const set = this.#setOf(candidates);
    this.#field.reserve(candidates.length);
    const { miss, depth } = this.#field;
    const { bytes } = index.blocks;
    const tokensPerByte = index.tokens.tokensPerByte(bytes);
    const deepest = index.readDepths(set.slots, depth);
    for (let at = 0; at < candidates.length; at++) {
      const held = depth[at]!;
      const there = held === 0 ? 0 : index.beliefIn(set.slots[at]!) * BLOCK_ENDS[held]!;
      miss[at] = (bytes - there) * tokensPerByte;
    }
    const share = deepest === 0 ? 0 : Math.min(1, index.demand(deepest) / index.traffic(set.slots));
    return choose(set, this.#field, { deepest, share, meanMiss: index.tokens.meanMiss }, this.#weights);
  }

  #dispatched(request: PickRequest, placement: Placement): void {
    const index = this.#index;
    index.tokens.sent(placement.miss);
    const slot = index.open(placement.candidate.id);
    if (slot === NO_SLOT) return;
    // Something else may have been picked since, and another route may share the index.
    if (index.matchedFor !== request && !this.#match(request)) return;
    const held = index.heldBy(slot);
    if (held !== undefined) {
      placement.heldShare = BLOCK_ENDS[held.depth]! / index.blocks.bytes;
      placement.heldStamp = held.stamp;
      placement.heldAge = index.age.age(slot, held.stamp);
    }
    const cacheTokens = placement.candidate.load.engine?.cacheTokens;
    if (cacheTokens !== undefined) index.age.bound(slot, cacheTokens);
    placement.stamp = index.age.advance(slot, placement.miss);
    index.insert(slot, placement.stamp);
  }

  /** The engine tells how long the prompt was and how much of it was cached. */
  #learn(placement: Placement, promptTokens: number, cachedTokens: number | undefined): void {
    const { age, tokens } = this.#index;
    tokens.counted(placement.bytes, promptTokens);
    if (cachedTokens === undefined || placement.heldShare === 0) return;
    const slot = this.#index.slotOf(placement.candidate.id);
    if (slot === NO_SLOT) return;
    const there = cachedTokens >= HIT_SHARE * placement.heldShare * promptTokens - HIT_SLACK;
    if (there) age.found(slot, placement.heldStamp, placement.heldAge);
    else age.missed(slot, placement.heldStamp, placement.heldAge);
  }

  /** Nothing of the request came to the engine's cache for sure. */
  #withdraw(request: PickRequest, placement: Placement): void {
    const index = this.#index;
    const slot = index.slotOf(placement.candidate.id);
    const range = request.promptRange();
    if (slot === NO_SLOT || placement.stamp === 0 || range === undefined) return;
    index.blocks.hash(request.model, request.body, range[0], range[1]);
    index.matchedFor = undefined;
    index.withdraw(placement.depth, slot, placement.stamp);
  }

  #setOf(candidates: readonly Candidate[]): CandidateSet {
    let set = this.#sets.get(candidates);
    if (set === undefined) {
      set = new CandidateSet(candidates, (id) => this.#index.open(id));
      this.#sets.set(candidates, set);
    }
    return set;
  }
}
