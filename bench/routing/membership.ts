import { type Fleet, runOnce } from '../../src/simulator/replay/experiment.ts';
import type { FleetChange, ReplayResult } from '../../src/simulator/replay/replay.ts';
import { WORKLOADS } from '../../src/simulator/replay/workloads.ts';
import { named, OURS } from './cells.ts';

/** The hit rate before an engine came or went, and after one cache-fill time; 0..1. */
export interface MembershipResult {
  readonly change: FleetChange['type'];
  readonly before: number;
  readonly after: number;
}

/** Requests that an engine gets which joins two overloaded ones, from a cache-fill time on; 1 = as many as each of the others. */
export function newcomerShare(fleet: Fleet, seeds: readonly number[]): number {
  const workload = WORKLOADS.find(({ name }) => name === 'shared-prefixes')!;
  const joinsAt = 60_000;
  const load = { workload, rate: 20, requests: 3000, changes: [{ at: joinsAt, type: 'add' as const }] };
  let share = 0;
  for (const seed of seeds) {
    const { outcomes } = runOnce({ ...fleet, engines: 2 }, load, named(OURS), seed);
    const later = outcomes.filter(({ at }) => at >= joinsAt + cacheFillTime(fleet));
    share += (3 * later.filter(({ engine }) => engine === 2).length) / later.length / seeds.length;
  }
  return share;
}

/** Enough that seven engines keep up. */
const RATE = 40;
const CHANGE_AT = 120_000;
const WINDOW = 30_000;

/** ms in which an engine at work computes as many tokens as its cache holds. */
export function cacheFillTime({ model }: Fleet): number {
  return model.cacheTokens * model.beta1;
}

/** Mean over the seeds. */
export function membership(fleet: Fleet, change: FleetChange['type'], seeds: readonly number[]): MembershipResult {
  const workload = WORKLOADS.find(({ name }) => name === 'shared-prefixes')!;
  const changes = [{ at: CHANGE_AT, type: change }];
  let before = 0;
  let after = 0;
  for (const seed of seeds) {
    const result = runOnce(fleet, { workload, rate: RATE, requests: workload.requests, changes }, named(OURS), seed);
    const refilled = CHANGE_AT + cacheFillTime(fleet);
    before += hitRate(result, CHANGE_AT - WINDOW, CHANGE_AT) / seeds.length;
    after += hitRate(result, refilled, refilled + WINDOW) / seeds.length;
  }
  return { change, before, after };
}

function hitRate({ outcomes }: ReplayResult, from: number, to: number): number {
  let prompt = 0;
  let cached = 0;
  for (const outcome of outcomes) {
    if (outcome.at < from || outcome.at >= to) continue;
    prompt += outcome.promptTokens;
    cached += outcome.cachedTokens;
  }
  return cached / prompt;
}
