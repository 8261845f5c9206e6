import type { Algorithm } from '../../algorithms/algorithm.ts';
import { ALGORITHMS, createAlgorithm } from '../../algorithms/table.ts';
import type { AlgorithmConfig } from '../../config/config.ts';
import type { EngineModel } from './engine.ts';
import { seededRandom } from './random.ts';
import { SmgCacheAware, StickyUntilSaturated } from './rivals.ts';

/** What an algorithm may be built from in a run. */
export interface ContenderContext {
  readonly seed: number;
  /** Virtual ms. */
  readonly now: () => number;
  readonly blockTokens: number;
  readonly model: EngineModel;
}

/** An algorithm in the comparison; `make` builds it anew for every run. */
export interface Contender {
  readonly name: string;
  make(context: ContenderContext): Algorithm;
}

const LEAST_LOAD: AlgorithmConfig = { type: 'least-load' };

/** Each algorithm as it is without options. */
const PLAIN: { readonly [T in AlgorithmConfig['type']]?: AlgorithmConfig } = {
  'round-robin': { type: 'round-robin' },
  random: { type: 'random' },
  'power-of-two': { type: 'power-of-two' },
  'least-load': LEAST_LOAD,
  session: { type: 'session', bodyField: 'user', bounded: 0, otherwise: LEAST_LOAD },
  'prefix-aware': { type: 'prefix-aware', indexSize: 64 * 1024 * 1024, otherwise: LEAST_LOAD },
};

/** What other routers do, for comparison only: none of it can be configured. */
const RIVALS: readonly Contender[] = [
  { name: 'smg-cache-aware', make: () => new SmgCacheAware() },
  {
    name: 'llm-d-sticky',
    make: ({ blockTokens, model }) =>
      new StickyUntilSaturated({
        blockTokens,
        cacheTokens: model.cacheTokens,
        prefillRate: 1000 / model.beta1,
      }),
  },
];

/** The names that `contender` knows. */
export const CONTENDERS: readonly string[] = [
  ...ALGORITHMS.filter((type) => PLAIN[type] !== undefined),
  ...RIVALS.map(({ name }) => name),
];

/** An algorithm type as it is without options, or a rival; undefined for any other name. */
export function contender(name: string): Contender | undefined {
  const config = PLAIN[name as AlgorithmConfig['type']];
  if (config !== undefined && ALGORITHMS.includes(config.type)) return configured(name, config);
  return RIVALS.find((rival) => rival.name === name);
}

/** The router's own algorithm as configured. Throws for one that cannot be simulated. */
export function configured(name: string, config: AlgorithmConfig): Contender {
  if (PLAIN[config.type] === undefined) throw new Error(`${config.type} cannot be simulated yet`);
  const simulated = withSimulatedSession(config);
  return {
    name,
    make: ({ seed, now }) => createAlgorithm(simulated, { random: seededRandom(seed ^ 0x5bd1e995), now }),
  };
}

/** Simulated requests carry their session in one place, wherever the real ones will have it. */
function withSimulatedSession(config: AlgorithmConfig): AlgorithmConfig {
  if (config.type === 'session') {
    const { type, bounded, otherwise } = config;
    return { type, bounded, bodyField: 'user', otherwise: withSimulatedSession(otherwise) };
  }
  if (config.type === 'prefix-aware') return { ...config, otherwise: withSimulatedSession(config.otherwise) };
  return config;
}
