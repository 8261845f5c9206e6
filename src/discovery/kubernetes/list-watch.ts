import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeApi } from './api.ts';
import { ApiError, toApiError } from './api-error.ts';
import type { KubernetesLimits } from './limits.ts';
import { ListParser } from './list-parser.ts';
import type { DiscoveryLog, KubernetesObserver, RelistReason } from './observer.ts';
import { retryDelay } from './retry.ts';
import { type WatchEventType, WatchParser } from './watch-parser.ts';

/** A watch that lived this long had been fine; ms. */
const LIVED = 10_000;

/** What becomes of objects. May throw: it is logged, and the next list puts things right. */
export interface Feed<T> {
  /** Every object there is. */
  listed(objects: readonly T[]): void;
  event(type: WatchEventType, object: T): void;
}

export interface ListWatchOptions<T> {
  readonly api: KubeApi;
  readonly resource: string;
  readonly path: string;
  readonly labelSelector: string;
  /** Reduces an object to what is needed; undefined for one that is none. */
  readonly reduce: (raw: unknown) => T | undefined;
  readonly feed: Feed<T>;
  /** ms between two lists, as a net under the watch; jittered. */
  readonly resync: number;
  readonly limits: KubernetesLimits;
  readonly log: DiscoveryLog;
  readonly observer: KubernetesObserver;
  readonly random: () => number;
  /** Monotonic ms. */
  readonly now: () => number;
  /** The API said something: a list, or a byte of the watch. */
  readonly contact: () => void;
  /** Told of every failure; `give up` ends the loop, for instance because the Role allows another resource. */
  readonly failed?: (error: ApiError) => 'give up' | undefined;
}

/**
 * Follows one resource of the API for ever: list, watch, and list again after anything that is not a clean end. A list is the only
 * thing that notices a cluster whose versions went back (a restored etcd answers a watch at a future version with 200 and silence),
 * so no version outlives an error.
 */
export class ListWatch<T> {
  readonly #options: ListWatchOptions<T>;
  #resyncAt = 0;
  #listFailures = 0;
  #watchFailures = 0;
  /** Watches in a row that ended cleanly, soon and without an event. */
  #emptyWatches = 0;
  #trouble = '';
  #open = false;
  /** The kind of trouble that the log has been told of. */
  #said = '';

  constructor(options: ListWatchOptions<T>) {
    this.#options = options;
  }

  /** Whether a watch is open: then silence only means that nothing happens. */
  get open(): boolean {
    return this.#open;
  }

  /** What is wrong now, in one line; empty when nothing is. */
  get trouble(): string {
    return this.#trouble;
  }

  /** Resolves when `signal` is aborted or `failed` gave up; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { limits, now, random, failed } = this.#options;
    let version: string | undefined;
    let reason: RelistReason = 'start';
    while (!signal.aborted) {
      let verb: 'list' | 'watch' = 'list';
      try {
        if (version !== undefined && now() >= this.#resyncAt) {
          version = undefined;
          reason = 'resync';
        }
        version ??= await this.#list(reason, signal);
        verb = 'watch';
        version = await this.#watch(version, signal);
        const pause = Math.min(1000, 50 * 2 ** Math.min(this.#emptyWatches, 10));
        if (this.#emptyWatches > 0) await sleep(pause, undefined, { signal });
      } catch (thrown) {
        if (signal.aborted) return;
        const error = toApiError(thrown, 'body');
        version = undefined;
        reason = error.code === 410 ? 'gone' : verb === 'list' ? 'list_error' : 'watch_error';
        const givenUp = failed?.(error) === 'give up';
        this.#failed(verb, error, givenUp);
        if (givenUp) return;
        const failures = Math.max(this.#listFailures, this.#watchFailures);
        const delay = retryDelay(error, failures, limits.maxRetry, random);
        await sleep(delay, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #list(reason: RelistReason, signal: AbortSignal): Promise<string> {
    const { api, path, labelSelector, limits, resource, observer, random, resync, now, contact } = this.#options;
    const objects: T[] = [];
    const parser = new ListParser((raw) => {
      const object = this.#reduce(raw);
      if (object !== undefined) objects.push(object);
    });
    const limit = AbortSignal.timeout(limits.list);
    const body = await api.request({
      path,
      // Version 0: from the server's cache, at once, even while etcd is away.
      query: { resourceVersion: '0', ...(labelSelector && { labelSelector }) },
      signal: AbortSignal.any([signal, limit]),
      headTimeout: limits.list,
      idleTimeout: limits.list,
      gzip: true,
    });
    for await (const chunk of body) parser.push(chunk as Buffer);
    const version = parser.end().metadata?.resourceVersion;
    if (typeof version !== 'string') throw new ApiError('protocol', `list of ${resource} without a resourceVersion`);
    this.#listFailures = 0;
    contact();
    this.#resyncAt = now() + resync * (0.9 + random() / 5);
    observer.listed?.(resource, reason);
    this.#guarded(() => this.#options.feed.listed(objects));
    return version;
  }

  /** Returns the version to go on from after a clean end. */
  async #watch(from: string, signal: AbortSignal): Promise<string> {
    const { api, path, labelSelector, limits, resource, observer, random, now, feed, contact } = this.#options;
    // Its own end comes no later than the next list is due: so it is never cut for that.
    const jittered = limits.watch * (0.8 + random() / 5);
    const seconds = Math.max(1, Math.ceil(Math.min(jittered, this.#resyncAt - now()) / 1000));
    let version = from;
    let events = 0;
    const began = now();
    try {
      const body = await api.request({
        path,
        query: {
          watch: '1',
          resourceVersion: from,
          allowWatchBookmarks: 'true',
          timeoutSeconds: String(seconds),
          ...(labelSelector && { labelSelector }),
        },
        signal,
        headTimeout: limits.list,
        idleTimeout: limits.watchIdle,
      });
      this.#open = true;
      this.#recovered();
      const parser = new WatchParser();
      for await (const chunk of body) {
        contact();
        for (const event of parser.push(chunk as Buffer)) {
          version = event.resourceVersion;
          events++;
          if (event.type === 'BOOKMARK') continue;
          observer.event?.(resource, event.type);
          const object = this.#reduce(event.object);
          if (object !== undefined) this.#guarded(() => feed.event(event.type, object));
        }
      }
      parser.end();
    } finally {
      this.#open = false;
      if (events > 0 || now() - began >= LIVED) this.#watchFailures = 0;
    }
    this.#watchFailures = 0;
    contact();
    this.#emptyWatches = events === 0 && now() - began < 1000 ? this.#emptyWatches + 1 : 0;
    return version;
  }

  #reduce(raw: unknown): T | undefined {
    let object: T | undefined;
    this.#guarded(() => {
      object = this.#options.reduce(raw);
    });
    return object;
  }

  /** A bug in what handles an object must not end discovery. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.log.error(
        { err: error, resource: this.#options.resource },
        'discovery: object could not be handled',
      );
    }
  }

  #failed(verb: 'list' | 'watch', error: ApiError, givenUp: boolean): void {
    const { observer, resource, log, path } = this.#options;
    if (verb === 'list') this.#listFailures++;
    else this.#watchFailures++;
    observer.apiError?.(resource, verb, error.code);
    const fields = { resource, path, verb, code: error.code, failures: this.#listFailures + this.#watchFailures };
    const message = `discovery: cannot ${verb} ${resource}: ${error.message}`;
    // Broken watches are everyday life and mend themselves; what stays is said once for each kind.
    const trouble = `${verb} ${error.code}`;
    const quiet =
      givenUp || error.code === 410 || (verb === 'watch' && typeof error.code === 'string' && this.#watchFailures <= 1);
    if (!quiet && this.#said !== trouble) {
      this.#said = trouble;
      const listed = this.#resyncAt > 0;
      log.warn(fields, `${message}; ${listed ? 'the backends known so far stay' : '/ready is 503 until it can'}`);
    } else {
      log.debug(fields, message);
    }
    this.#trouble = message;
  }

  #recovered(): void {
    const { log, resource, path } = this.#options;
    if (this.#said !== '') log.info({ resource, path }, `discovery: ${resource} are followed again`);
    this.#said = '';
    this.#trouble = '';
  }
}
