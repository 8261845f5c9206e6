/** What the status page gets, each second at most: everything at first, then what has changed. Times in ms; null: nothing is known. */
export interface StatusMessage {
  /** Forget what was said before. */
  readonly full: boolean;
  readonly router: RouterStatus;
  /** Absent: as before. */
  readonly config?: ConfigStatus;
  readonly sources: readonly SourceStatus[];
  readonly routes: readonly RouteStatus[];
  /** By their key; only those that are new or have changed. */
  readonly backends: Readonly<Record<string, BackendInfo>>;
  readonly live: Readonly<Record<string, BackendLive>>;
  /** Keys of backends that are gone. */
  readonly gone: readonly string[];
}

export interface RouterStatus {
  readonly version: string;
  readonly host: string;
  readonly uptime: number;
  /** Why requests should not come here now; null when ready. */
  readonly notReady: string | null;
  /** Requests at backends now; of these `streaming` have had their first token. */
  readonly inflight: number;
  readonly streaming: number;
  readonly queued: number;
  /** Attempts a second, over `window`. */
  readonly qps: number;
  /** Requests that clients have an answer to, and of these 5xx, since the start. */
  readonly answered: number;
  readonly failed: number;
  readonly ttft: number | null;
  readonly ttftP99: number | null;
  readonly interToken: number | null;
  readonly window: number;
}

export interface ConfigStatus {
  readonly hash: string;
  readonly generation: number;
  /** Path, or `flags`. */
  readonly source: string;
  /** Unix ms. */
  readonly appliedAt: number;
  readonly last: {
    readonly result: 'applied' | 'unchanged' | 'rejected';
    /** Unix ms. */
    readonly at: number;
    readonly hash: string;
    readonly failure: string | null;
    readonly errors: number;
    readonly warnings: number;
    /** The first of them. */
    readonly diagnostics: readonly DiagnosticStatus[];
  } | null;
}

export interface DiagnosticStatus {
  readonly severity: 'error' | 'warning';
  /** `router.yaml:8:5`, or a flag. */
  readonly place: string;
  readonly path: string;
  readonly message: string;
  readonly hint: string | null;
}

export interface SourceStatus {
  readonly name: string;
  readonly type: string;
  readonly synced: boolean;
  readonly age: number | null;
  readonly troubles: readonly string[];
}

export interface RouteStatus {
  readonly name: string;
  /** What it matches, what it sends to, and how, in words of the config. */
  readonly match: string;
  readonly to: string;
  readonly algorithm: string;
  readonly fallback: readonly string[];
  readonly inflight: number;
  readonly queued: number;
  /** Its backends, and those of them that may get a request now. */
  readonly members: number;
  readonly available: number;
  /** Attempts over the window, and how many of them the busiest backends got, by key. */
  readonly attempts: number;
  readonly shares: readonly (readonly [key: string, attempts: number])[];
}

/** What changes seldom of a backend. */
export interface BackendInfo {
  readonly name: string;
  readonly url: string;
  readonly source: string;
  /** The first of them, and how many there are. */
  readonly models: readonly string[];
  readonly modelCount: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
  /** Unix ms when it was first seen. */
  readonly since: number;
}

/** What changes often, in this order so that a thousand of them stay small. */
export type BackendLive = readonly [
  state: string,
  breaker: string,
  inflight: number,
  streaming: number,
  qps: number,
  ttft: number | null,
  ttftP99: number | null,
  interToken: number | null,
  /** 0..1 */
  kvUsage: number | null,
  hitRate: number | null,
  running: number | null,
  waiting: number | null,
  /** Why it is in that state, in words; empty where the state says it all. */
  trouble: string,
  /** Unix ms from which it may get a request again: breaker, or a 429 that asked for a pause; null when nothing is waited for. */
  retryAt: number | null,
];
