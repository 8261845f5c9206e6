import type {
  BackendFacts,
  EngineStats,
  QueueFacts,
  RouterFacts,
  ShadowFacts,
  SourceFacts,
} from '../../src/stats/facts.ts';
import { RouterStats } from '../../src/stats/router-stats.ts';

export const START = 1_000_000;

export function engine(stats: Partial<EngineStats> = {}): EngineStats {
  return {
    running: 3,
    waiting: 2,
    kvUsage: 0.25,
    ours: 1,
    prefixHits: 30,
    prefixQueries: 120,
    sleeping: false,
    blockSize: 16,
    scrapedAt: START,
    ...stats,
  };
}

export function backend(server: string, facts: Partial<BackendFacts> = {}): BackendFacts {
  return {
    server,
    source: 'lab',
    state: 'ready',
    healthy: true,
    models: ['m'],
    since: START,
    engine: undefined,
    scrapeFailures: 0,
    ...facts,
  };
}

/** Stats on a clock that the test moves, of backends that it lists. */
export function world(options: { maxModels?: number; process?: boolean } = {}) {
  const clock = { now: START };
  const backends: BackendFacts[] = [];
  const queues: QueueFacts[] = [];
  const sources: SourceFacts[] = [];
  const shadows: ShadowFacts[] = [];
  const facts: RouterFacts = {
    backends: () => backends,
    queues: () => queues,
    sources: () => sources,
    shadows: () => shadows,
  };
  const stats = new RouterStats({
    version: '1.2.3',
    window: 60_000,
    maxModels: options.maxModels ?? 100,
    now: () => clock.now,
    facts,
    process: options.process ?? false,
  });
  return { stats, clock, backends, queues, sources, shadows };
}
