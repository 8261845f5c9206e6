import { DEFAULT_ENGINE, type EngineModel } from '../../src/simulator/replay/engine.ts';
import { synthetic, WORKLOADS, type Workload } from '../../src/simulator/replay/workloads.ts';

/** A workload at a rate, and the fleet it meets. Times and rates are the simulator's, before they are scaled. */
export interface LiveCell {
  readonly workload: Workload;
  readonly rate: number;
  readonly requests: number;
  readonly engines: number;
  readonly model: EngineModel;
  /** Tokens of one of the engines' cache blocks. */
  readonly blockTokens: number;
}

function published(name: string, rate: number, requests: number): LiveCell {
  const workload = WORKLOADS.find((one) => one.name === name);
  if (workload === undefined) throw new Error(`no workload ${name}`);
  return { workload, rate, requests, engines: 8, model: DEFAULT_ENGINE, blockTokens: workload.blockTokens };
}

/** 30 requests a second are more than eight engines can compute without a cache (19), and half of what they can with one (58). */
export const CELLS: readonly LiveCell[] = [published('shared-prefixes', 30, 4500), published('one-prefix', 60, 6000)];

/**
 * For llm-d-inference-sim: four engines, of which none has room for all prefixes and each for its share twice over. It is
 * small since that simulator looks through its whole cache for each block it drops.
 */
export const LLMD_CELLS: readonly LiveCell[] = [
  {
    workload: synthetic({
      name: 'forty-prefixes',
      description: '40 prefixes of 2,000 tokens, 200-token question, 50-token answer',
      rate: 12,
      groups: 40,
      users: 5,
      skew: 0,
      prefix: 2000,
      question: 200,
      answer: 50,
    }),
    rate: 12,
    requests: 2000,
    engines: 4,
    model: { ...DEFAULT_ENGINE, cacheTokens: 44_800 },
    blockTokens: 64,
  },
];
