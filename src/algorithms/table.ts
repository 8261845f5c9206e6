import type { AlgorithmConfig } from '../config/config.ts';
import type { Algorithm, AlgorithmContext } from './algorithm.ts';
import { DisaggregatedPrefill } from './disaggregated-prefill.ts';
import { LeastLoad } from './least-load.ts';
import { PowerOfTwo } from './power-of-two.ts';
import { WEIGHTS } from './prefix-aware/policy.ts';
import { PrefixAware } from './prefix-aware/prefix-aware.ts';
import { sharedIndex } from './prefix-aware/shared-index.ts';
import { RandomChoice } from './random.ts';
import { RoundRobin } from './round-robin.ts';
import { Session } from './session.ts';

/** Makes the algorithm that another one falls back to, so that no algorithm imports this table. */
export type CreateAlgorithm = (config: AlgorithmConfig, context: AlgorithmContext) => Algorithm;

type Row<T extends AlgorithmConfig['type']> = (
  config: Extract<AlgorithmConfig, { type: T }>,
  context: AlgorithmContext,
  create: CreateAlgorithm,
) => Algorithm;

/** Adding an algorithm: its file, a row here, a branch of the schema, a test, an entry in the docs. */
const TABLE: { readonly [T in AlgorithmConfig['type']]?: Row<T> } = {
  'round-robin': () => new RoundRobin(),
  random: (_, context) => new RandomChoice(context.random),
  'power-of-two': (_, context) => new PowerOfTwo(context.random),
  'least-load': () => new LeastLoad(),
  session: (config, context, create) => new Session(config, create(config.otherwise, context)),
  'prefix-aware': (config, context, create) =>
    new PrefixAware(sharedIndex(context.shared, config.indexSize), create(config.otherwise, context), {
      ...WEIGHTS,
      load: config.loadWeight ?? WEIGHTS.load,
    }),
  'disaggregated-prefill': ({ prefill, decode }, context, create) =>
    new DisaggregatedPrefill(create(prefill.algorithm, context), create(decode.algorithm, context)),
};

/** Builds the algorithm of a route. Throws for a type that has no row: the schema admits only those that have one. */
export function createAlgorithm(config: AlgorithmConfig, context: AlgorithmContext): Algorithm {
  const row = TABLE[config.type] as Row<AlgorithmConfig['type']> | undefined;
  if (row === undefined) throw new Error(`no algorithm "${config.type}"`);
  return row(config as never, context, createAlgorithm);
}

/** The types that `createAlgorithm` can build. */
export const ALGORITHMS = Object.keys(TABLE) as readonly AlgorithmConfig['type'][];
