/**
 * `npm run bench`: how much CPU and memory the router takes for each request and each streamed chunk, beside nginx and
 * others on the same machine in the same minutes. docs/performance.md says how to read it.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { judge, judgeRouting } from './bars.ts';
import { cacheDir } from './build.ts';
import { type Contestant, type ContestantName, direct, routingNames } from './contestants/contestant.ts';
import { nginx } from './contestants/nginx.ts';
import { ours } from './contestants/ours.ts';
import { rustRouter, sglangRouter } from './contestants/python-peers.ts';
import { routing } from './contestants/routing.ts';
import { settle, takeTurn } from './driver.ts';
import { ENGINES, type Harness, type Measurement, measure, startEngines } from './measure.ts';
import { type Options, readOptions, usage } from './options.ts';
import { readProfile, selfTimes } from './profile.ts';
import { report } from './report.ts';
import { scenarios } from './scenarios.ts';

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  let options: Options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    return 64;
  }
  const contestants = options.contestants.map((name) => contestant(name, options));
  await takeTurn();
  for (const one of contestants) one.prepare();
  const programs = settle(options.loadCore);

  const dir = join(cacheDir, 'run');
  rmSync(dir, { recursive: true, force: true });
  const { loadCore, proxyCore, warmup, seconds } = options;
  const most = Math.max(...contestants.map((one) => one.engines ?? ENGINES));
  const engines = await startEngines(programs.engine, ['-engines', `${most}`], loadCore, dir);
  const harness: Harness = {
    loadProgram: programs.load,
    engines: engines.addresses,
    loadCore,
    proxyCore,
    warmup,
    seconds,
    dir,
  };
  const { all, failures } = await rounds(harness, contestants, options);
  await engines.program.stop();

  if (options.profile) return failures.length > 0 ? 1 : printProfiles(dir, all);
  const verdicts = [
    ...(options.contestants.includes('ours') ? judge(all) : []),
    ...(routingNames.some((name) => options.contestants.includes(name)) ? judgeRouting(all) : []),
  ];
  process.stdout.write(`\n${header(contestants, options)}\n\n${report(all, verdicts)}`);
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify({ options, verdicts, measurements: all }, null, 2)}\n`);
  process.stdout.write(`\nraw figures: ${options.out}\n`);
  if (failures.length > 0) {
    process.stdout.write(`\nnot measured:\n${failures.join('\n')}\n`);
    return 1;
  }
  return options.gate && verdicts.some((v) => v.result === 'FAIL') ? 1 : 0;
}

function contestant(name: ContestantName, options: Options): Contestant {
  const flags = options.profile ? ['--cpu-prof', '--cpu-prof-dir=DIR'] : [];
  const ourself = routingNames.find((one) => one === name);
  if (ourself) return routing(ourself, flags);
  return {
    direct,
    nginx,
    ours: ours(options.config, flags),
    'rust-router': rustRouter,
    'sglang-router': sglangRouter,
  }[name as Exclude<ContestantName, (typeof routingNames)[number]>];
}

/** A B C A B C …: neighbours in time are what is compared, since the machine's speed drifts. */
async function rounds(harness: Harness, contestants: readonly Contestant[], options: Options) {
  const all: Measurement[] = [];
  const failures: string[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    for (const scenario of options.scenarios.map((name) => scenarios[name])) {
      for (const one of contestants) {
        let outcome: string;
        try {
          const m = await measure(harness, one, scenario, round);
          all.push(m);
          const cpu = m.cpuPerUnit === null ? '' : `${m.cpuPerUnit.toFixed(1)} µs per ${scenario.unit}, `;
          outcome = `${cpu}${m.load.errors} errors`;
        } catch (error) {
          // One that does not start costs its own figures, not those of the others.
          outcome = (error as Error).message;
          failures.push(`round ${round}, ${outcome}`);
        }
        process.stderr.write(`round ${round} (${scenario.name}) ${one.name}: ${outcome}\n`);
      }
    }
  }
  return { all, failures };
}

function header(contestants: readonly Contestant[], { rounds: count, seconds, proxyCore, loadCore }: Options): string {
  const lines = contestants.map((one) => `- ${one.name}: ${one.about}`);
  const where = `proxy on core ${proxyCore}, engines and load on core ${loadCore}`;
  lines.unshift(
    `${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.versions.node}, ${where}, ${count} × ${seconds} s`,
    '',
  );
  return lines.join('\n');
}

function printProfiles(dir: string, all: readonly Measurement[]): number {
  let found = 0;
  for (const { contestant: name, scenario, round, window } of all) {
    const profile = readProfile(join(dir, `${round}-${scenario}-${name}`, 'profile'));
    if (!profile) continue;
    found++;
    process.stdout.write(`\n${name} (${scenario}) ${scenarios[scenario].title}: self time in the measured window\n`);
    for (const { name, share } of selfTimes(profile, window).slice(0, 40)) {
      process.stdout.write(`${(share * 100).toFixed(1).padStart(6)} %  ${name}\n`);
    }
  }
  if (found === 0)
    process.stderr.write(`no profile was written below ${dir}: did the router end by itself on SIGTERM?\n`);
  return found === 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  // What is still running is ended by the exit.
  process.exit(1);
}
