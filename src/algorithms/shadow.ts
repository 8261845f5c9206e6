import type { Algorithm, AlgorithmEvent, Candidate, PickRequest } from './algorithm.ts';
import { NO_SLOT } from './prefix-aware/backend-slots.ts';
import { BLOCK_ENDS } from './prefix-aware/blocks.ts';
import { PrefixIndex } from './prefix-aware/prefix-index.ts';

/** Per algorithm, for what its choices would have put into the engines' caches. */
const INDEX_BYTES = 16 * 1024 * 1024;
/** Name of the route's own algorithm among the counts. */
export const LIVE = 'live';

/** What one algorithm would have done so far; all of it only ever grows. */
export interface ShadowCount {
  readonly algorithm: string;
  /** Requests it was asked about. */
  readonly picks: number;
  /** Those that it would have sent where they went. */
  readonly agreed: number;
  /** Bytes of their prompts, and of these what would have been cached where it would have sent them. */
  readonly promptBytes: number;
  readonly cachedBytes: number;
}

/**
 * What other algorithms would have picked on live traffic. Each has its own memory, which follows its own choices; the
 * load it reads is the real one, which follows the live ones: so agreement and hit share tell what to expect, not what
 * would have become of the queues. The live algorithm is counted the same way, to compare with.
 */
export class Shadow {
  readonly #live: ShadowRun;
  readonly #others: readonly ShadowRun[];

  /** `algorithms` by the name they are counted under; they must share no memory with the live ones. */
  constructor(algorithms: ReadonlyMap<string, Algorithm>, indexBytes = INDEX_BYTES) {
    this.#live = new ShadowRun(LIVE, undefined, indexBytes);
    this.#others = [...algorithms].map(([name, algorithm]) => new ShadowRun(name, algorithm, indexBytes));
  }

  /** The live algorithm's first pick for a request; retries need not be told. */
  picked(candidates: readonly Candidate[], request: PickRequest, chosen: Candidate): void {
    this.#live.picked(candidates, request, chosen);
    for (const run of this.#others) run.picked(candidates, request, chosen);
  }

  /** Everything the live algorithm observes. */
  observe(event: AlgorithmEvent): void {
    this.#live.observe(event);
    for (const run of this.#others) run.observe(event);
  }

  /** The live algorithm first. */
  get counts(): readonly ShadowCount[] {
    return [this.#live.count, ...this.#others.map(({ count }) => count)];
  }
}

class ShadowRun {
  readonly count: { -readonly [K in keyof ShadowCount]: ShadowCount[K] };
  readonly #algorithm: Algorithm | undefined;
  readonly #index: PrefixIndex;
  readonly #choices = new WeakMap<PickRequest, Candidate>();

  constructor(name: string, algorithm: Algorithm | undefined, indexBytes: number) {
    this.count = { algorithm: name, picks: 0, agreed: 0, promptBytes: 0, cachedBytes: 0 };
    this.#algorithm = algorithm;
    this.#index = new PrefixIndex(indexBytes);
  }

  picked(candidates: readonly Candidate[], request: PickRequest, live: Candidate): void {
    if (this.#choices.has(request)) return;
    const choice = this.#algorithm === undefined ? live : this.#algorithm.pick(candidates, request);
    if (choice === undefined) return;
    this.#choices.set(request, choice);
    this.count.picks++;
    if (choice === live) this.count.agreed++;
    this.#countCached(request, choice);
    this.#algorithm?.observe?.({ type: 'dispatched', request, candidate: choice });
  }

  observe(event: AlgorithmEvent): void {
    if (event.type === 'removed') {
      this.#index.removeBackend(event.id);
      this.#algorithm?.observe?.(event);
      return;
    }
    const choice = this.#choices.get(event.request);
    if (choice === undefined || event.type === 'dispatched') return;
    // Of another backend's cache this answer tells nothing.
    const told = event.type === 'usage' && choice !== event.candidate ? { ...event, cachedTokens: undefined } : event;
    this.#algorithm?.observe?.({ ...told, candidate: choice });
    // A failed one may be picked for again. The others are not left to a full collection: bodies would pile up until then.
    if (event.type === 'finished' && event.ok) this.#choices.delete(event.request);
  }

  #countCached(request: PickRequest, choice: Candidate): void {
    const range = request.promptRange();
    if (range === undefined) return;
    const index = this.#index;
    index.blocks.hash(request.model, request.body, range[0], range[1]);
    index.match(request);
    const slot = index.open(choice.id);
    if (slot === NO_SLOT) return;
    const { bytes } = index.blocks;
    const cached = BLOCK_ENDS[index.depthOf(slot)]!;
    this.count.promptBytes += bytes;
    this.count.cachedBytes += cached;
    const cacheTokens = choice.load.engine?.cacheTokens;
    if (cacheTokens !== undefined) index.age.bound(slot, cacheTokens);
    index.insert(slot, index.age.advance(slot, (bytes - cached) * index.tokens.tokensPerByte(bytes)));
  }
}
