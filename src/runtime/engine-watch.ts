import type { BackendRegistry } from '../backends/registry.ts';
import type { Config, Secret } from '../config/config.ts';
import type { BackendFacts, RouterFacts } from '../stats/facts.ts';

/** Scrapes the engines' own figures, and tells metrics what is known of each backend. */
export class EngineWatch {
  readonly #registry: BackendRegistry;
  readonly facts: RouterFacts;

  constructor(registry: BackendRegistry, _resolveSecret: (secret: Secret) => string | undefined, _now: () => number) {
    this.#registry = registry;
    this.facts = { backends: () => this.#backends(), queues: () => [] };
  }

  configure(_settings: Config['stats']['engine']): void {}

  stop(): void {}

  *#backends(): Iterable<BackendFacts> {
    for (const backend of this.#registry.backends) {
      yield {
        server: backend.url,
        state: backend.state,
        healthy: backend.state === 'ready',
        models: backend.spec.models.map((card) => card.id),
        since: backend.since,
        engine: undefined,
        scrapeFailures: 0,
      };
    }
  }
}
