import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contender } from '../../src/simulator/replay/contenders.ts';
import { DEFAULT_FLEET, runOnce } from '../../src/simulator/replay/experiment.ts';
import { type Quantiles, quantiles, summarize } from '../../src/simulator/replay/summary.ts';
import { ours } from '../contestants/ours.ts';
import { untilItServes } from '../measure.ts';
import { readBusy } from '../proc.ts';
import { freePort } from '../program.ts';
import { routerConfig } from '../router-config.ts';
import type { LiveCell } from './cells.ts';
import { type Answer, openLoop } from './client.ts';
import { type LiveEngine, MODEL, type StartEngine, timeAt } from './engines.ts';
import { ChatBodies } from './prompts.ts';

export const ALGORITHMS = ['round-robin', 'least-load', 'session', 'prefix-aware'] as const;
export type LiveAlgorithm = (typeof ALGORITHMS)[number];

/** What one algorithm came to in one cell, by either way. Times in ms as measured, so the prediction's are scaled. */
export interface Figures {
  readonly ttft: Quantiles;
  readonly endToEnd: Quantiles;
  /** 0..1 */
  readonly hitRate: number;
  readonly success: number;
  /** The busiest engine's time spent by requests ÷ the mean engine's. */
  readonly skew: number;
}

export interface Measured extends Figures {
  /** ms, 99 of 100 requests were sent no later than this after they were due. */
  readonly lateness: number;
  /** Share of the machine's cores that was busy, 0..1. */
  readonly busy: number;
  readonly errors: readonly string[];
}

export interface LiveRun {
  readonly cell: LiveCell;
  readonly scale: number;
  readonly seed: number;
  /** Folder for configs and logs. */
  readonly dir: string;
  readonly startEngine: StartEngine;
}

const SCRAPE_MS = 30_000;
const WARMUP = 200;

/** Fresh engines and a fresh router, some unrelated requests to warm them up, then the workload. */
export async function measureLive(run: LiveRun, algorithm: LiveAlgorithm): Promise<Measured> {
  const { cell, scale, seed, dir, startEngine } = run;
  mkdirSync(dir, { recursive: true });
  const starting = Array.from({ length: cell.engines }, (_, number) => startEngine(number, dir));
  const engines = await Promise.all(starting);
  const port = await freePort();
  const config = join(dir, 'router.yaml');
  writeFileSync(config, configOf(algorithm, engines, port, SCRAPE_MS / scale));
  const router = ours(config).start({ engines: [], port, sparePort: 0, dir })!;
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilItServes(`127.0.0.1:${port}`, router, MODEL);
    await openLoop(url, warmUp(cell));
    const before = await Promise.all(engines.map(timeAt));
    const cores = [0, 1];
    const began = { at: performance.now(), busy: readBusy(cores) };
    const { answers, lateness } = await openLoop(url, requestsOf(cell, scale, seed));
    const span = performance.now() - began.at;
    const busy = (readBusy(cores) - began.busy) / 1000 / span / cores.length;
    const after = await Promise.all(engines.map(timeAt));
    const times = after.map((time, at) => time - before[at]!);
    return { ...figuresOf(answers, times), lateness: quantiles(lateness).p99, busy, errors: errorsOf(answers) };
  } finally {
    await router.stop();
    await Promise.all(engines.map(({ program }) => program.stop()));
  }
}

/** The same arrivals and algorithm in the discrete-event simulator. */
export function predict(
  { cell, scale, seed }: Omit<LiveRun, 'dir' | 'startEngine'>,
  algorithm: LiveAlgorithm,
): Figures {
  const { workload, rate, requests, engines, model } = cell;
  const fleet = { ...DEFAULT_FLEET, engines, model, scrapeInterval: SCRAPE_MS, cacheInfo: true };
  const found = contender(algorithm)!;
  const patience = { firstByte: Number.POSITIVE_INFINITY, total: Number.POSITIVE_INFINITY };
  const summary = summarize(runOnce(fleet, { workload, rate, requests }, found, seed), patience);
  const scaled = ({ mean, p50, p90, p99 }: Quantiles) => ({
    mean: mean / scale,
    p50: p50 / scale,
    p90: p90 / scale,
    p99: p99 / scale,
  });
  return { ...summary, ttft: scaled(summary.ttft), endToEnd: scaled(summary.endToEnd) };
}

function configOf(algorithm: LiveAlgorithm, engines: readonly LiveEngine[], port: number, scrapeMs: number): string {
  const options = algorithm === 'session' ? { type: algorithm, bodyField: 'user' } : { type: algorithm };
  const authorities = engines.map(({ url }) => new URL(url).host);
  const more = { defaults: { algorithm: options }, stats: { engine: { interval: `${Math.round(scrapeMs)}ms` } } };
  return JSON.stringify(routerConfig(authorities, port, more, MODEL));
}

function requestsOf({ workload, rate, requests }: LiveCell, scale: number, seed: number) {
  const bodies = new ChatBodies(MODEL, workload.blockTokens);
  return workload.arrivals(seed, rate, requests).map((arrival) => ({
    at: arrival.at / scale,
    body: () => bodies.body(arrival, Math.max(1, Math.round(arrival.outputTokens / scale))),
  }));
}

/** Short prompts of their own, slow enough for any engine; ids from the far end, which no workload reaches. */
function warmUp({ workload }: LiveCell) {
  const bodies = new ChatBodies(MODEL, workload.blockTokens);
  return Array.from({ length: WARMUP }, (_, number) => ({
    at: number * 10,
    body: () =>
      bodies.body(
        {
          at: 0,
          blocks: Int32Array.of(2 ** 31 - 1 - number),
          promptTokens: workload.blockTokens,
          outputTokens: 4,
          session: `warm-up-${number}`,
        },
        4,
      ),
  }));
}

function figuresOf(answers: readonly Answer[], times: readonly number[]): Figures {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const good = answers.filter(({ ok }) => ok);
  return {
    ttft: quantiles(Float64Array.from(good, ({ ttft }) => ttft)),
    endToEnd: quantiles(Float64Array.from(good, ({ endToEnd }) => endToEnd)),
    hitRate: sum(good.map(({ cachedTokens }) => cachedTokens)) / sum(good.map(({ promptTokens }) => promptTokens)),
    success: good.length / answers.length,
    skew: (Math.max(...times) * times.length) / sum(times),
  };
}

function errorsOf(answers: readonly Answer[]): string[] {
  return [...new Set(answers.filter(({ ok }) => !ok).map(({ error }) => error ?? 'no end'))].slice(0, 5);
}
