import { Counter } from './counter.ts';
import { DiscoveryCounters } from './discovery-counters.ts';
import { Exposition } from './exposition.ts';
import type { RouterFacts } from './facts.ts';
import { HostUsage } from './host-usage.ts';
import { LabelCap } from './label-cap.ts';
import { RequestStats } from './request-stats.ts';
import { RouteShares } from './route-shares.ts';
import type { Series } from './series.ts';
import { createView, type View } from './view.ts';

export interface RouterStatsOptions {
  readonly version: string;
  /** Sliding window, ms. */
  readonly window: number;
  /** Distinct model labels; further models count as `_other`. */
  readonly maxModels: number;
  /** Monotonic ms. */
  readonly now: () => number;
  readonly facts: RouterFacts;
  /** Metrics of the process itself (CPU, memory, event loop, GC); default true. They watch the process until it ends. */
  readonly process?: boolean;
}

/** Distinct key labels in the life of the process; further ones count as `_other`. */
const MAX_KEYS = 1_000;

export type ReloadResult = 'applied' | 'unchanged' | 'rejected';

/**
 * All that is counted, for the life of the process: a reload never resets it. The path of a request only adds to plain
 * numbers; rates, sums and texts are made when somebody asks.
 */
export class RouterStats {
  readonly version: string;
  readonly requests: RequestStats;
  readonly shares: RouteShares;
  readonly startedAt: number;
  readonly host = new HostUsage();
  /** Labels of each in the order of `metrics/router.ts`. */
  readonly incoming = new Counter();
  readonly answered = new Counter();
  readonly inflight = new Counter();
  readonly keyRequests = new Counter();
  readonly retries = new Counter();
  readonly legs = new Counter();
  readonly streamTerminations = new Counter();
  readonly clientRejects = new Counter();
  readonly reloads = new Counter();
  readonly traceSpans = new Counter();
  readonly discovery = new DiscoveryCounters();
  readonly #options: RouterStatsOptions;
  readonly #exposition: Exposition;
  readonly #keys = new LabelCap(MAX_KEYS);
  #config: { readonly hash: string; readonly version: string; readonly at: number } | undefined;
  #lastReloadOk = true;

  constructor(options: RouterStatsOptions) {
    const now = options.now();
    this.#options = options;
    this.version = options.version;
    this.startedAt = now;
    this.requests = new RequestStats(options.window, options.maxModels, now);
    this.shares = new RouteShares(options.window);
    this.#exposition = new Exposition(this, options.process ?? true);
  }

  /** Takes over a reloaded config; units as in the options. */
  configure(config: { readonly window: number; readonly maxModels: number }): void {
    this.requests.configure(config.window, config.maxModels, this.#options.now());
    this.shares.configure(config.window);
  }

  /** Where the attempts of one model at one backend are counted: `series(url, model).dispatched(now)`. */
  series(server: string, model: string): Series {
    return this.requests.series(server, model);
  }

  /** A request has been read; `model` after aliases, undefined unless some backend serves or has served it. */
  arrived(model: string | undefined): void {
    this.incoming.inc(this.requests.models.label(model));
  }

  /** The client has its answer, or has left (status 499). `route` undefined: none matched. */
  ended(route: string | undefined, model: string | undefined, status: number): void {
    this.answered.inc(route ?? '', this.requests.models.label(model), String(status));
  }

  /** The same, by the name of the API key that the client came with; names come from the operator's key files only. */
  keyed(name: string, status: number): void {
    this.keyRequests.inc(this.#keys.label(name), String(status));
  }

  /** A request now open on the route: `+1` when it enters, `-1` when it leaves. */
  open(route: string, change: 1 | -1): void {
    this.inflight.cell(route).value += change;
  }

  /** A further attempt, or the decision against one: `result` is `sent`, `exhausted`, `budget`, `no-candidate`, … */
  retried(reason: string, result: string): void {
    this.retries.inc(reason, result);
  }

  /** A stream that had begun was cut; `reason` is the code of the error event. */
  streamTerminated(reason: string): void {
    this.streamTerminations.inc(reason);
  }

  /** A request was answered by the router itself because of what it was; `reason` is the error's code. */
  clientRejected(reason: string): void {
    this.clientRejects.inc(reason);
  }

  /** A reload came to its end; `hash` and `version` of the config that now applies. */
  reloaded(result: ReloadResult, config: { readonly hash: string; readonly version: string }): void {
    this.reloads.inc(result);
    this.#lastReloadOk = result !== 'rejected';
    const at = result === 'applied' ? Date.now() : (this.#config?.at ?? Date.now());
    if (result !== 'rejected' || this.#config === undefined) this.#config = { ...config, at };
  }

  /** The config that applies, when it was applied (Unix ms), and whether the last attempt to change it worked. */
  get config():
    | { readonly hash: string; readonly version: string; readonly at: number; readonly ok: boolean }
    | undefined {
    return this.#config && { ...this.#config, ok: this.#lastReloadOk };
  }

  /** Nothing lists the backend any more and nothing runs there; its series go, unless another has the same URL. */
  retired(server: string): void {
    for (const backend of this.#options.facts.backends()) if (backend.server === server) return;
    this.requests.forget(server);
    this.shares.forget(server);
  }

  view(): View {
    return createView(this.requests, this.#options.facts, this.#options.now());
  }

  /** The page that Prometheus reads. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }> {
    return this.#exposition.page();
  }
}
