/** What an engine says of itself on its `/metrics`, summed over its data-parallel ranks. */
export interface EngineStats {
  readonly running: number;
  readonly waiting: number;
  /** 0..1, mean of the ranks. */
  readonly kvUsage: number;
  /** This router's requests in flight there when it was asked. */
  readonly ours: number;
  /** Tokens since the engine's start; undefined where it does not say. */
  readonly prefixHits: number | undefined;
  readonly prefixQueries: number | undefined;
  /** Undefined where it does not say. */
  readonly sleeping: boolean | undefined;
  /** Tokens per block of its KV cache; undefined where it does not say. */
  readonly blockSize: number | undefined;
  /** Tokens that its KV cache has room for; undefined where it does not say. */
  readonly cacheTokens?: number | undefined;
  /** Monotonic ms. */
  readonly scrapedAt: number;
  /** Monotonic ms since when none of its own series has moved; undefined where that says nothing. */
  readonly stillSince?: number | undefined;
}

/** One backend as metrics show it. */
export interface BackendFacts {
  /** Its URL: the `server` label. */
  readonly server: string;
  /** Name of the source that lists it. */
  readonly source: string;
  /** One word of a closed set: ready, sleeping, ejected, … */
  readonly state: string;
  /** May get requests. */
  readonly healthy: boolean;
  readonly models: readonly string[];
  /** Monotonic ms when it was first seen. */
  readonly since: number;
  /** Of the last scrape that worked, unless it is too old. */
  readonly engine: EngineStats | undefined;
  /** Scrapes that failed since it was first seen. */
  readonly scrapeFailures: number;
}

/** Requests that wait in the router for a backend to become free. */
export interface QueueFacts {
  readonly route: string;
  /** One that a backend serves. */
  readonly model: string;
  readonly waiting: number;
}

/** A source of backends as metrics show it. */
export interface SourceFacts {
  readonly name: string;
  /** `static`, `k8s`. */
  readonly type: string;
  readonly synced: boolean;
  /** ms since its API last said something; undefined where it asks none, or before the first list. */
  readonly lastSyncAge: number | undefined;
  /** What is wrong now, a line each. */
  readonly troubles: readonly string[];
}

/** What an algorithm would have done with a route's requests; all of it only grows. */
export interface ShadowFacts {
  readonly route: string;
  /** `live`: the route's own. */
  readonly algorithm: string;
  /** Requests it was asked about. */
  readonly picks: number;
  /** Those that it would have sent where they went. */
  readonly agreed: number;
  /** Bytes of their prompts, and of these what would have been cached where it would have sent them. */
  readonly promptBytes: number;
  readonly cachedBytes: number;
}

/** What metrics show and others own; asked once per scrape. */
export interface RouterFacts {
  backends(): Iterable<BackendFacts>;
  queues(): Iterable<QueueFacts>;
  sources(): Iterable<SourceFacts>;
  shadows(): Iterable<ShadowFacts>;
}
