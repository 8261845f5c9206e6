/**
 * `npm run bench:live`: the algorithms on real processes, engines in real time behind the real router, beside what the
 * discrete-event simulator predicts for the same requests. docs/routing-live.md tells what came of it.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheDir } from '../build.ts';
import { takeTurn } from '../driver.ts';
import { CELLS, type LiveCell, LLMD_CELLS } from './cells.ts';
import { llmd, simulated } from './engines.ts';
import { ALGORITHMS, type LiveAlgorithm, type LiveRun, type Measured, measureLive, predict } from './measure.ts';
import { cellReport, type Line, meanFigures, meanMeasured } from './report.ts';

const USAGE = `npm run bench:live -- [options]

  --scale N         times and rates of the simulator's workloads, so many times as fast (10)
  --seeds 1,2       one run of everything for each (1)
  --only NAMES      of ${ALGORITHMS.join(', ')} (all)
  --workload NAMES  of ${[...CELLS, ...LLMD_CELLS].map(({ workload }) => workload.name).join(', ')} (all of the engine's)
  --llm-d-sim PATH  engines are this binary of llm-d-inference-sim, with its KV cache on
  --predict         the prediction only
`;

async function main(): Promise<number> {
  let values: ReturnType<typeof read>;
  try {
    values = read();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    return 64;
  }
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const scale = Number(values.scale);
  const seeds = values.seeds.split(',').map(Number);
  const algorithms = ALGORITHMS.filter((name) => values.only?.split(',').includes(name) ?? true);
  const binary = values['llm-d-sim'];
  const cells = (binary === undefined ? CELLS : LLMD_CELLS).filter(
    ({ workload }) => values.workload?.split(',').includes(workload.name) ?? true,
  );
  if (!(scale > 0) || seeds.some(Number.isNaN) || algorithms.length === 0 || cells.length === 0) {
    process.stderr.write(USAGE);
    return 64;
  }
  await takeTurn();
  const root = join(cacheDir, 'live');
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const results = new Map<LiveCell, Line[]>();
  for (const cell of cells) {
    const setting = { model: cell.model, blockTokens: cell.blockTokens, scale };
    const startEngine = binary === undefined ? simulated(setting) : llmd(binary, setting);
    const runs = new Map<LiveAlgorithm, Measured[]>(algorithms.map((algorithm) => [algorithm, []]));
    for (const seed of values.predict ? [] : seeds) {
      for (const algorithm of algorithms) {
        const dir = join(root, `${cell.workload.name}-${algorithm}-${seed}`);
        const run: LiveRun = { cell, scale, seed, dir, startEngine };
        const measured = await measureLive(run, algorithm);
        runs.get(algorithm)!.push(measured);
        process.stderr.write(`${cell.workload.name}, seed ${seed}, ${algorithm}: ${told(measured)}\n`);
      }
    }
    const lines = algorithms.map((algorithm) => {
      const predicted = meanFigures(seeds.map((seed) => predict({ cell, scale, seed }, algorithm)));
      const measured = values.predict ? { ...predicted, lateness: 0, busy: 0, errors: [] } : undefined;
      return { algorithm, predicted, measured: measured ?? meanMeasured(runs.get(algorithm)!) };
    });
    results.set(cell, lines);
    process.stdout.write(`\n${cellReport(titleOf(cell, scale, seeds), lines)}`);
  }
  const raw = [...results].map(([cell, lines]) => ({ workload: cell.workload.name, scale, seeds, lines }));
  writeFileSync(join(root, 'results.json'), `${JSON.stringify(raw, null, 2)}\n`);
  const failed = [...results.values()].flat().some(({ measured }) => measured.success < 0.999);
  return failed ? 1 : 0;
}

function read() {
  return parseArgs({
    options: {
      scale: { type: 'string', default: '10' },
      seeds: { type: 'string', default: '1' },
      only: { type: 'string' },
      workload: { type: 'string' },
      'llm-d-sim': { type: 'string' },
      predict: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  }).values;
}

function told({ ttft, endToEnd, hitRate, success, lateness, busy }: Measured): string {
  const times = `TTFT p90 ${ttft.p90.toFixed(1)} ms, mean end-to-end ${endToEnd.mean.toFixed(0)} ms`;
  const shares = `hits ${(100 * hitRate).toFixed(1)} %, success ${(100 * success).toFixed(2)} %`;
  return `${times}, ${shares}, sent ${lateness.toFixed(1)} ms late, ${(100 * busy).toFixed(0)} % busy`;
}

function titleOf({ workload, rate, requests, engines }: LiveCell, scale: number, seeds: readonly number[]): string {
  const seeded = seeds.length === 1 ? `seed ${seeds[0]}` : `seeds ${seeds.join(', ')}`;
  return `${workload.name}: ${engines} engines, ${rate * scale} requests/s, ${requests} requests, ${seeded}`;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
