import type { BackendRegistry } from '../backends/registry.ts';
import type { Config, SourceConfig } from '../config/config.ts';
import { settingsText } from '../config/settings-text.ts';
import type { Source } from '../discovery/source.ts';
import type { SourceFacts } from '../stats/facts.ts';

export type CreateSource = (config: SourceConfig) => Source;

interface Running {
  readonly type: SourceConfig['type'];
  readonly settings: string;
  readonly source: Source;
}

/** The sources of the config in force. A source whose settings a reload leaves alone runs on untouched. */
export class SourceSet {
  readonly #registry: BackendRegistry;
  readonly #create: CreateSource;
  readonly #onRemoved: (name: string) => void;
  readonly #running = new Map<string, Running>();

  /** `onRemoved` hears of sources that a config no longer has. */
  constructor(registry: BackendRegistry, create: CreateSource, onRemoved: (name: string) => void) {
    this.#registry = registry;
    this.#create = create;
    this.#onRemoved = onRemoved;
  }

  /** Builds what is new or changed; nothing starts, and what runs runs on. Throws when one cannot be built. */
  prepare(config: Config): { commit(): void } {
    const fresh = new Map<string, Running>();
    for (const [name, source] of Object.entries(config.discovery)) {
      const settings = settingsText(source);
      if (this.#running.get(name)?.settings !== settings) {
        fresh.set(name, { type: source.type, settings, source: this.#create(source) });
      }
    }
    return { commit: () => this.#commit(config, fresh) };
  }

  /** Names of sources that have not listed anything yet. */
  unsynced(): string[] {
    return [...this.#running.values()].flatMap(({ source }) => (source.synced ? [] : [source.name]));
  }

  *facts(): Iterable<SourceFacts> {
    for (const [name, { type, source }] of this.#running) {
      const { lastSyncAge, troubles } = source.status?.() ?? { lastSyncAge: undefined, troubles: [] };
      const leftOut = this.#registry.leftOut(name);
      const all = leftOut === 0 ? troubles : [...troubles, `no room for ${leftOut} of its backends: they are left out`];
      yield { name, type, synced: source.synced, lastSyncAge, troubles: all };
    }
  }

  get(name: string): Source | undefined {
    return this.#running.get(name)?.source;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ source }) => source.stop()));
  }

  #commit(config: Config, fresh: ReadonlyMap<string, Running>): void {
    for (const [name, { source }] of this.#running) {
      if (name in config.discovery) continue;
      this.#running.delete(name);
      void source.stop();
      this.#registry.removeSource(name);
      this.#onRemoved(name);
    }
    for (const [name, running] of fresh) {
      // A changed source's last set stays in force until its successor has published.
      void this.#running.get(name)?.source.stop();
      this.#running.set(name, running);
      running.source.start((specs) => {
        if (this.#running.get(name) === running) this.#registry.publish(name, specs);
      });
    }
  }
}
