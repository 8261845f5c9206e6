import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import type { EngineOptions } from '../../src/simulator/engine/options.ts';
import { configFor, spawnRouter } from '../fakes/spawn-router.ts';
import type { Setup } from './suite.ts';

/** The router as a process in front of these simulated engines; `more` replaces sections of its config. */
export async function setUp(options: readonly EngineOptions[], more: Record<string, unknown> = {}): Promise<Setup> {
  const engines: Engine[] = await Promise.all(options.map((option) => startEngine(option)));
  const backends = engines.map(({ url }, index) => ({ url, models: options[index]!.models ?? ['tiny-chat'] }));
  const router = await spawnRouter({ config: configFor(backends, { logging: { format: 'json' }, ...more }) });
  return {
    router,
    engines,
    stop: async () => {
      await router.stop('SIGKILL');
      await Promise.all(engines.map((engine) => engine.kill()));
    },
  };
}
