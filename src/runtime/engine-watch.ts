import type { Backend } from '../backends/backend.ts';
import { EngineStatsScraper, type ScrapeTarget } from '../backends/engine-stats-scraper.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { Config, Secret } from '../config/config.ts';
import type { Log } from '../log.ts';
import type { BackendFacts, EngineStats, QueueFacts, RouterFacts, ShadowFacts, SourceFacts } from '../stats/facts.ts';

export interface EngineWatchDeps {
  readonly registry: BackendRegistry;
  readonly resolveSecret: (secret: Secret) => string | undefined;
  /** Monotonic ms. */
  readonly now: () => number;
  readonly log: Log;
  readonly sources: () => Iterable<SourceFacts>;
  readonly queues: () => Iterable<QueueFacts>;
  readonly shadows: () => Iterable<ShadowFacts>;
}

/** Reads the engines' own figures, hands them to the backends, and tells metrics what is known of each. */
export class EngineWatch {
  readonly #deps: EngineWatchDeps;
  readonly #scraper: EngineStatsScraper;
  #started = false;
  #timeout: number;
  readonly facts: RouterFacts;

  constructor(deps: EngineWatchDeps, settings: Config['stats']['engine']) {
    this.#deps = deps;
    this.#timeout = settings.timeout;
    this.#scraper = new EngineStatsScraper(settings, {
      targets: () => deps.registry.backends.map((backend) => this.#target(backend)),
      now: deps.now,
      random: Math.random,
      onStats: ({ id }, stats) => {
        const backend = deps.registry.get(id);
        if (backend === undefined) return;
        this.#hearSleep(backend, stats);
        const since = stats?.stillSince;
        backend.still = since === undefined ? undefined : { since, until: stats!.scrapedAt };
        if (stats === undefined) backend.load.stale();
        else backend.load.scraped(stats);
      },
      onFailure: ({ url }, error) => deps.log.warn({ backend: url, err: error }, 'cannot read the engine’s metrics'),
    });
    const { queues, sources, shadows } = deps;
    this.facts = { backends: () => this.#backends(), queues, sources, shadows };
  }

  /** Starts, or takes over what a reload has changed. */
  configure(settings: Config['stats']['engine']): void {
    this.#timeout = settings.timeout;
    this.#scraper.configure(settings);
    if (this.#started) return;
    this.#started = true;
    this.#scraper.start();
  }

  /** A new backend should not be unknown for an interval. */
  added(backend: Backend): void {
    if (this.#started) this.#scraper.scrape(this.#target(backend));
  }

  removed(id: string): void {
    this.#scraper.forget(id);
  }

  /** The engine's figures, unless they are too old. */
  stats(id: string): EngineStats | undefined {
    return this.#scraper.stats(id);
  }

  stop(): Promise<void> {
    return this.#scraper.stop();
  }

  /** A scrape that may have begun before somebody put it to sleep or woke it knows less than they do. */
  #hearSleep(backend: Backend, stats: EngineStats | undefined): void {
    if (stats?.sleeping === undefined || stats.scrapedAt - backend.toldAt < this.#timeout) return;
    backend.asleep = stats.sleeping;
  }

  #target(backend: Backend): ScrapeTarget {
    return {
      id: backend.id,
      url: backend.url,
      inflight: () => backend.load.inflight,
      authorization: () => {
        const { apiKey } = backend.spec;
        const key = apiKey && this.#deps.resolveSecret(apiKey);
        return key === undefined ? undefined : `Bearer ${key}`;
      },
    };
  }

  *#backends(): Iterable<BackendFacts> {
    for (const backend of this.#deps.registry.backends) {
      yield {
        server: backend.url,
        source: backend.spec.source,
        state: backend.state,
        healthy: backend.state === 'ready',
        models: backend.spec.models.map((card) => card.id),
        since: backend.since,
        engine: this.#scraper.stats(backend.id),
        scrapeFailures: this.#scraper.failures(backend.id),
      };
    }
  }
}
