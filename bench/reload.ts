/**
 * `npm run bench:reload`: 200 streams and 500 requests a second through one router, in turns with a changed config each second and
 * without. Not one may fail or be cut, and the p99 with reloads must be within 10 % of that without.
 */

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cacheDir } from './build.ts';
import { ours } from './contestants/ours.ts';
import { lookAtCores, settle, shareOfOthers, takeTurn } from './driver.ts';
import { type Harness, type LoadResult, load, startEngines, untilItServes } from './measure.ts';
import { readUsage } from './proc.ts';
import { freePort } from './program.ts';
import { changedConfig } from './reload-configs.ts';

const USAGE = `npm run bench:reload -- [options]

  --rounds N      windows with reloads, each beside one without (5)
  --seconds N     length of each window (60)
  --streams N     open at a time (200)
  --rate N        chunks a second of each stream (20)
  --arrivals N    plain requests that begin each second (500)
  --every MS      between two changes of the config; every third is invalid (1000)
  --proxy-core N  CPU core of the router (1)
  --load-core N   CPU core of engines, load and driver (0)
  --gate          exit code 1 when a bar is missed
`;

interface Window {
  readonly requests: LoadResult;
  readonly streams: LoadResult;
  readonly applied: number;
  readonly rejected: number;
  /** Share of its core that the router used. */
  readonly busy: number;
  /** Share of the two cores that other programs used: above a tenth, latencies say little. */
  readonly others: number;
}

const NUMBERS = {
  rounds: 5,
  seconds: 60,
  streams: 200,
  rate: 20,
  arrivals: 500,
  every: 1_000,
  'proxy-core': 1,
  'load-core': 0,
};
type Settings = typeof NUMBERS;

async function main(): Promise<number> {
  const settings = readSettings();
  if (settings === undefined) {
    process.stderr.write(USAGE);
    return process.argv.includes('--help') ? 0 : 64;
  }
  await takeTurn();
  const programs = settle(settings['load-core']);
  const dir = join(cacheDir, 'reload');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const engines = await startEngines(programs.engine, ['-engines', '4'], settings['load-core'], dir);
  const port = await freePort();
  const config = join(dir, 'router.yaml');
  writeFileSync(config, changedConfig(0, engines.addresses, port));
  const contestant = ours(config);
  contestant.prepare();
  const router = contestant.start({
    engines: engines.addresses,
    port,
    sparePort: 0,
    core: settings['proxy-core'],
    dir,
  })!;
  const target = `127.0.0.1:${port}`;
  const harness: Harness = {
    loadProgram: programs.load,
    engines: engines.addresses,
    loadCore: settings['load-core'],
    proxyCore: settings['proxy-core'],
    warmup: 2,
    seconds: settings.seconds,
    dir,
  };
  try {
    await untilItServes(target, router);
    const still: Window[] = [];
    const reloading: Window[] = [];
    for (let round = 0; round < settings.rounds; round++) {
      still.push(await measureWindow(harness, settings, router.pid, target, `${round}-still`));
      let change = 0;
      const write = () => {
        writeFileSync(`${config}.new`, changedConfig(++change, engines.addresses, port));
        renameSync(`${config}.new`, config);
      };
      const timer = setInterval(write, settings.every);
      reloading.push(await measureWindow(harness, settings, router.pid, target, `${round}-reloading`));
      clearInterval(timer);
      // The next window begins with the config that all windows without reloads have.
      writeFileSync(config, changedConfig(0, engines.addresses, port));
      await sleep(2_000);
      const told = [still, reloading].map((windows) => {
        const { requests, others } = windows.at(-1)!;
        return `p99 ${requests.latencyMs.p99.toFixed(2)} ms (others ${(others * 100).toFixed(0)} %)`;
      });
      process.stderr.write(`round ${round + 1} of ${settings.rounds}: ${told[0]}, with reloads ${told[1]}\n`);
    }
    return judge(still, reloading) || !process.argv.includes('--gate') ? 0 : 1;
  } finally {
    await router.stop();
    await engines.program.stop();
  }
}

function readSettings(): Settings | undefined {
  const names = Object.keys(NUMBERS) as (keyof Settings)[];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  try {
    const { values } = parseArgs({ options: { ...options, gate: { type: 'boolean' } } });
    const read = (name: keyof Settings) => [name, Number((values as Record<string, string>)[name] ?? NUMBERS[name])];
    const settings = Object.fromEntries(names.map(read)) as Settings;
    return Object.values(settings).every((value) => value >= 0) ? settings : undefined;
  } catch {
    return undefined;
  }
}

async function measureWindow(
  harness: Harness,
  settings: Settings,
  router: number,
  target: string,
  name: string,
): Promise<Window> {
  const before = await reloads(target);
  const common = ['-warmup', `${harness.warmup}s`, '-window', `${harness.seconds}s`];
  const cores = [harness.proxyCore, harness.loadCore];
  const look = () => ({ router: readUsage(router).cpuUs, cores: lookAtCores(cores) });
  const looks: ReturnType<typeof look>[] = [];
  const put = (kind: string, flags: readonly string[]) =>
    load(harness, join(harness.dir, name, kind), [target], [...common, ...flags], () => {
      if (kind === 'requests') looks.push(look());
    });
  const [requests, streams] = await Promise.all([
    put('requests', ['-arrivals', `${settings.arrivals}`]),
    put('streams', ['-streams', `${settings.streams}`, '-rate', `${settings.rate}`, '-chunks', '200']),
  ]);
  const after = await reloads(target);
  const [begin, end] = looks as [(typeof looks)[0], (typeof looks)[0]];
  return {
    requests,
    streams,
    applied: after.applied - before.applied,
    rejected: after.rejected - before.rejected,
    busy: (end.router - begin.router) / (requests.seconds * 1e6),
    others: shareOfOthers(begin.cores, end.cores, cores, requests.seconds),
  };
}

async function reloads(target: string): Promise<{ applied: number; rejected: number }> {
  const text = await (await fetch(`http://${target}/metrics`)).text();
  const count = (result: string) =>
    Number(new RegExp(`^vllm_router_config_reloads_total\\{result="${result}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { applied: count('applied'), rejected: count('rejected') };
}

/** Prints the table, figures of windows as minimum, median and maximum; whether every bar is met. */
function judge(still: readonly Window[], reloading: readonly Window[]): boolean {
  const sum = (windows: readonly Window[], of: (window: Window) => number) =>
    windows.reduce((total, window) => total + of(window), 0);
  const sorted = (windows: readonly Window[], of: (window: Window) => number) => windows.map(of).sort((a, b) => a - b);
  const median = (windows: readonly Window[], of: (window: Window) => number) =>
    sorted(windows, of)[Math.floor(windows.length / 2)]!;
  const failures = (window: Window) => window.requests.errors + window.requests.unanswered + window.streams.errors;
  const row = (name: string, of: (windows: readonly Window[]) => number) =>
    process.stdout.write(`| ${name} | ${of(still).toFixed(0)} | ${of(reloading).toFixed(0)} |\n`);
  const spread = (name: string, of: (window: Window) => number, digits: number) => {
    const cells = [still, reloading].map((windows) => {
      const values = sorted(windows, of);
      return [values[0]!, median(windows, of), values.at(-1)!].map((value) => value.toFixed(digits)).join(' / ');
    });
    process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`);
  };
  process.stdout.write('| | without | with reloads |\n|---|---|---|\n');
  row('reloads applied', (windows) => sum(windows, ({ applied }) => applied));
  row('reloads refused', (windows) => sum(windows, ({ rejected }) => rejected));
  row('requests', (windows) => sum(windows, ({ requests }) => requests.requests));
  row('streams, first bytes', (windows) => sum(windows, ({ streams }) => streams.ttftMs.count));
  row('chunks', (windows) => sum(windows, ({ streams }) => streams.chunks));
  row('failed or cut', (windows) => sum(windows, failures));
  const p99 = ({ requests }: Window) => requests.latencyMs.p99;
  spread('request p50, ms', ({ requests }) => requests.latencyMs.p50, 2);
  spread('request p99, ms', p99, 2);
  spread('chunk delay p99, ms', ({ streams }) => streams.chunkDelayMs.p99, 2);
  spread('the router, % of its core', ({ busy }) => busy * 100, 1);
  spread('other programs, % of both cores', ({ others }) => others * 100, 0);
  const ratio = median(reloading, p99) / median(still, p99);
  const whole = sum([...still, ...reloading], failures) === 0;
  process.stdout.write(`\nnone failed or cut: ${whole ? 'pass' : 'FAIL'}\n`);
  process.stdout.write(`p99 with reloads ÷ without ≤ 1.10: ${ratio.toFixed(2)} ${ratio <= 1.1 ? 'pass' : 'FAIL'}\n`);
  return whole && ratio <= 1.1;
}

process.exitCode = await main();
