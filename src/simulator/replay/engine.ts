import { BlockCache } from './block-cache.ts';
import type { Arrival } from './sim-request.ts';
import { TimeHeap } from './time-heap.ts';

/** What one engine can do. Times in ms, memory in tokens. */
export interface EngineModel {
  /** Fixed time of one step. */
  readonly beta0: number;
  /** Added by each uncached prompt token computed in the step. */
  readonly beta1: number;
  /** Added by each sequence that decodes in the step. */
  readonly beta2: number;
  /** Tokens a step may compute, vLLM's `max_num_batched_tokens`. */
  readonly stepTokens: number;
  /** vLLM's `max_num_seqs`. */
  readonly maxSequences: number;
  /** KV memory. */
  readonly cacheTokens: number;
}

/** An 8B model on one H100, roughly: what the published table was made with. */
export const DEFAULT_ENGINE: EngineModel = {
  beta0: 7,
  beta1: 0.06,
  beta2: 0.08,
  stepTokens: 2048,
  maxSequences: 256,
  cacheTokens: 430_000,
};

/** A request at an engine. */
export interface Sequence {
  readonly index: number;
  readonly arrival: Arrival;
  /** Uncached prompt tokens not yet computed; set at admission. */
  remaining: number;
  cachedTokens: number;
}

export interface EngineListener {
  firstToken(sequence: Sequence, now: number): void;
  finished(sequence: Sequence, now: number): void;
  /** It would not fit into the engine's memory if that were empty. */
  refused(sequence: Sequence, now: number): void;
}

/**
 * A vLLM engine in steps: each step decodes one token of every running sequence and computes prompt tokens first come,
 * first served up to the step's budget. Whoever drives it asks `stepEnds` and calls `endStep` then.
 */
export class Engine {
  readonly model: EngineModel;
  readonly cache: BlockCache;
  /** ms; Infinity when idle. */
  stepEnds = Number.POSITIVE_INFINITY;
  /** ms spent in steps. */
  busy = 0;
  /** Prompt tokens computed and found in the cache. */
  computedTokens = 0;
  cachedTokens = 0;
  readonly #listener: EngineListener;
  readonly #blockTokens: number;
  readonly #queue: Sequence[] = [];
  #queueHead = 0;
  #prefilling: Sequence | undefined;
  #admitted = 0;
  /** Decoding sequences by the step that makes their last token. */
  readonly #decoding = new TimeHeap<Sequence>();
  #step = 0;
  /** Steps that the running one stands for: with nothing to prefill, equal steps are taken at once. */
  #stepCount = 0;
  #stepBegan = 0;
  #stepTime = 0;
  readonly #prefilled: Sequence[] = [];

  constructor(model: EngineModel, blockTokens: number, listener: EngineListener) {
    this.model = model;
    this.#blockTokens = blockTokens;
    this.#listener = listener;
    this.cache = new BlockCache(Math.floor(model.cacheTokens / blockTokens));
  }

  get running(): number {
    return this.#admitted;
  }

  get waiting(): number {
    return this.#queue.length - this.#queueHead;
  }

  submit(index: number, arrival: Arrival, now: number): void {
    const sequence: Sequence = { index, arrival, remaining: 0, cachedTokens: 0 };
    if (arrival.blocks.length + this.#answerBlocks(sequence) > this.cache.capacity) {
      this.#listener.refused(sequence, now);
      return;
    }
    this.#queue.push(sequence);
    if (this.stepEnds === Number.POSITIVE_INFINITY) this.#beginStep(now);
    else this.#cutJump(now);
  }

  /** To be called at `stepEnds`. */
  endStep(now: number): void {
    this.busy += now - this.#stepBegan;
    this.#step += this.#stepCount;
    for (const sequence of this.#prefilled) {
      this.#listener.firstToken(sequence, now);
      const more = sequence.arrival.outputTokens - 1;
      if (more > 0) this.#decoding.push(this.#step + more, sequence);
      else this.#finish(sequence, now);
    }
    this.#prefilled.length = 0;
    while (this.#decoding.nextTime <= this.#step) this.#finish(this.#decoding.pop(), now);
    this.#beginStep(now);
  }

  /** Empties the engine as its death does; the requests that were there. */
  kill(): Sequence[] {
    const lost = this.#queue.slice(this.#queueHead);
    if (this.#prefilling !== undefined) lost.push(this.#prefilling);
    lost.push(...this.#prefilled);
    while (this.#decoding.size > 0) lost.push(this.#decoding.pop());
    this.stepEnds = Number.POSITIVE_INFINITY;
    return lost;
  }

  #beginStep(now: number): void {
    const { beta0, beta1, beta2, stepTokens } = this.model;
    const decoding = this.#decoding.size;
    let budget = stepTokens - decoding;
    let prompt = 0;
    while (budget > 0) {
      const sequence = this.#prefilling ?? this.#admit();
      if (sequence === undefined) break;
      const tokens = Math.min(budget, sequence.remaining);
      sequence.remaining -= tokens;
      prompt += tokens;
      budget -= tokens;
      this.#prefilling = sequence.remaining > 0 ? sequence : undefined;
      if (sequence.remaining === 0) this.#prefilled.push(sequence);
    }
    if (prompt === 0 && decoding === 0) {
      this.stepEnds = Number.POSITIVE_INFINITY;
      return;
    }
    this.computedTokens += prompt;
    this.#stepTime = beta0 + beta1 * prompt + beta2 * decoding;
    this.#stepCount = prompt > 0 ? 1 : this.#decoding.nextTime - this.#step;
    this.#stepBegan = now;
    this.stepEnds = now + this.#stepCount * this.#stepTime;
  }

  /** A request came while equal decode steps were being taken at once: end with the step now in progress. */
  #cutJump(now: number): void {
    if (this.#stepCount <= 1) return;
    const steps = Math.min(this.#stepCount, Math.floor((now - this.#stepBegan) / this.#stepTime) + 1);
    this.#stepCount = steps;
    this.stepEnds = this.#stepBegan + steps * this.#stepTime;
  }

  #admit(): Sequence | undefined {
    const sequence = this.#queue[this.#queueHead];
    if (sequence === undefined || this.#admitted >= this.model.maxSequences) return undefined;
    const { blocks, promptTokens } = sequence.arrival;
    const matched = this.cache.match(blocks);
    if (!this.cache.acquire(blocks, this.#answerBlocks(sequence))) return undefined;
    this.#queueHead++;
    if (this.#queueHead > 1024 && this.#queueHead * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#queueHead);
      this.#queueHead = 0;
    }
    this.#admitted++;
    // vLLM always computes the last token itself, so that there is something to sample from.
    sequence.cachedTokens = Math.min(matched * this.#blockTokens, promptTokens - 1);
    sequence.remaining = promptTokens - sequence.cachedTokens;
    this.cachedTokens += sequence.cachedTokens;
    return sequence;
  }

  #finish(sequence: Sequence, now: number): void {
    this.#admitted--;
    this.cache.release(sequence.arrival.blocks, this.#answerBlocks(sequence));
    this.#listener.finished(sequence, now);
  }

  #answerBlocks(sequence: Sequence): number {
    return Math.ceil(sequence.arrival.outputTokens / this.#blockTokens);
  }
}
