import type { IncomingHttpHeaders } from 'node:http';

/**
 * A backend as an algorithm sees it. Everything here is a plain read; the router's own backend and the simulator's both
 * satisfy it, so the same algorithm code runs in both.
 */
export interface Candidate {
  /** Stable identity; algorithm state is keyed by it. */
  readonly id: string;
  readonly url: string;
  readonly weight: number;
  readonly load: Load;
}

/** Live figures of one backend. The object is stable, its fields change. */
export interface Load {
  /** Attempts now at the backend. */
  readonly inflight: number;
  /** Attempts sent there since it was first seen, plus what the least used backend had then: it only breaks ties. */
  readonly processed: number;
  /** Estimated prompt tokens dispatched and still awaiting the first byte, without what its cache is believed to hold. */
  readonly uncachedTokens: number;
  /** The engine's own figures of its last scrape, or undefined when none is fresh. */
  readonly engine: EngineLoad | undefined;
  /** Attempts sent since that scrape: it does not know them yet. Some may have ended already. */
  readonly sinceScrape: number;
}

export interface EngineLoad {
  readonly running: number;
  readonly waiting: number;
  /** 0..1 */
  readonly kvUsage: number;
  /** Tokens that its KV memory has room for, where the engine tells. */
  readonly cacheTokens?: number | undefined;
  /**
   * How many of `running` and `waiting` this router had sent: its in-flight count when the engine was scraped. The rest came
   * past it, and in-flight now less this is exactly what the scrape does not know. Absent: guessed from `sinceScrape`.
   */
  readonly ours?: number;
}

/** The request as an algorithm sees it: reads are lazy, so that round-robin pays for nothing. */
export interface PickRequest {
  readonly model: string;
  readonly headers: IncomingHttpHeaders;
  /** The request's body as it came; empty for none. */
  readonly body: Buffer;
  /** A string or number member at the top of the JSON body, as text; undefined otherwise (also for multipart). */
  bodyField(name: string): string | undefined;
  /** Byte range [start, end) of the raw `messages`/`prompt`/`input` value in `body`; undefined when there is none. */
  promptRange(): readonly [start: number, end: number] | undefined;
}

/** What happened to a request that an algorithm placed; `request` is the same object that `pick` got. */
export type AlgorithmEvent =
  /** Dispatched to the candidate. */
  | { readonly type: 'dispatched'; readonly request: PickRequest; readonly candidate: Candidate }
  | { readonly type: 'first-byte'; readonly request: PickRequest; readonly candidate: Candidate }
  /** `ok` false: failed or aborted; with `beforeFirstByte` nothing of it is in the engine's cache for sure. */
  | {
      readonly type: 'finished';
      readonly request: PickRequest;
      readonly candidate: Candidate;
      readonly ok: boolean;
      readonly beforeFirstByte: boolean;
    }
  /** The engine's `usage`. */
  | {
      readonly type: 'usage';
      readonly request: PickRequest;
      readonly candidate: Candidate;
      readonly promptTokens: number;
      readonly cachedTokens: number | undefined;
    }
  /** A backend is gone: forget what is kept for it. */
  | { readonly type: 'removed'; readonly id: string };

/** What an algorithm makes of one candidate for one request, for people. */
export interface Opinion {
  /** In the algorithm's own unit; the least one is its choice, but where `docs/algorithms.md` says otherwise. Absent: it has none. */
  readonly score?: number;
  /** Share of the prompt that is believed to be in the candidate's cache, 0..1. Absent: it does not look at caches. */
  readonly matched?: number;
}

/**
 * Ranks candidates. `pick` is asked again without those already tried, which makes a ranked retry. Candidates come sorted
 * by URL, are never empty, and the array is the same object as long as the set (with its URLs and weights) is the same.
 * No clock but `now`, no I/O, randomness only from the `random` given at construction.
 */
export interface Algorithm {
  /**
   * `full` on a retry: the array of the first attempt, from which the tried ones were taken. Without it the retry's set
   * counts as a new one: a round-robin then starts a new round for it, and the others behave the same.
   */
  pick(candidates: readonly Candidate[], request: PickRequest, full?: readonly Candidate[]): Candidate | undefined;
  /**
   * Estimated prompt tokens the candidate must compute for the request, without what its cache is believed to hold. Asked
   * once per attempt, between `pick` and `dispatched`; the load table carries it in `uncachedTokens` until the first byte
   * or the attempt's end, whichever comes first, so that it is right for a backend that several routes share.
   */
  uncachedTokens?(candidate: Candidate, request: PickRequest): number;
  observe?(event: AlgorithmEvent): void;
  /**
   * Its opinion of each candidate, in their order, as of before `pick` with the same arguments. Changes nothing. Only asked for requests
   * whose client wants to know, so it may cost what it takes. Absent or empty: it goes by chance.
   */
  explain?(candidates: readonly Candidate[], request: PickRequest, full?: readonly Candidate[]): readonly Opinion[];
}

export interface AlgorithmContext {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Monotonic ms. */
  readonly now: () => number;
  /**
   * What algorithms keep beyond a snapshot, by a key of their own: one Map per process, so that routes share what is known
   * of a backend and a reload forgets nothing. Absent: the algorithm keeps its own.
   */
  readonly shared?: Map<string, unknown>;
}
