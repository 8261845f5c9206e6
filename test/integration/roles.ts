import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import type { EngineOptions } from '../../src/simulator/engine/options.ts';
import type { TestBackend } from '../fakes/spawn-router.ts';
import { Fleet } from './fleet.ts';

export interface RoleEngines {
  readonly prefill: readonly Engine[];
  readonly decode: readonly Engine[];
}

/** A router whose backends have roles: for each model prefill and decode engines of its own, by the options of each. */
export class RoleFleet {
  readonly fleet: Fleet;
  readonly #engines: ReadonlyMap<string, RoleEngines>;

  private constructor(fleet: Fleet, engines: ReadonlyMap<string, RoleEngines>) {
    this.fleet = fleet;
    this.#engines = engines;
  }

  static async start(
    models: Readonly<Record<string, Readonly<Record<keyof RoleEngines, readonly EngineOptions[]>>>>,
    config: Readonly<Record<string, unknown>>,
  ): Promise<RoleFleet> {
    const engines = new Map<string, RoleEngines>();
    const backends: TestBackend[] = [];
    for (const [model, roles] of Object.entries(models)) {
      const start = async (role: keyof RoleEngines) => {
        const started = await Promise.all(roles[role].map((options) => startEngine({ models: [model], ...options })));
        started.sort((a, b) => (a.url < b.url ? -1 : 1));
        backends.push(...started.map(({ url }) => ({ url, models: [model], labels: { role } })));
        return started;
      };
      engines.set(model, { prefill: await start('prefill'), decode: await start('decode') });
    }
    return new RoleFleet(await Fleet.start({}, config, backends), engines);
  }

  of(model: string): RoleEngines {
    return this.#engines.get(model)!;
  }

  async stop(): Promise<void> {
    await this.fleet.stop();
    const all = [...this.#engines.values()].flatMap(({ prefill, decode }) => [...prefill, ...decode]);
    await Promise.all(all.map((engine) => engine.kill()));
  }
}
