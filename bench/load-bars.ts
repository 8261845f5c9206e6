/**
 * `npm run bench:load`: what the router bears, against the bars that docs/load.md lists: open streams, added latency, large bodies,
 * engines that die, hang and restart, and ten minutes of all sorts of load. The router has one core, everything else the other.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openFileLimit } from '../src/runtime/connection-cap.ts';
import { cacheDir } from './build.ts';
import { settle, takeTurn } from './driver.ts';
import { drained, hung, killed, stopped } from './load-bars/faults.ts';
import { type Options, type PartName, readOptions, usage } from './load-bars/options.ts';
import type { Row } from './load-bars/row.ts';
import { soak } from './load-bars/soak.ts';
import type { Stage } from './load-bars/stage.ts';
import { bodies, chunks, latency, streams } from './load-bars/steady.ts';
import { runOnce } from './program.ts';
import { table } from './report.ts';

const parts: Readonly<Record<PartName, (stage: Stage, options: Options) => Promise<Row[]>>> = {
  streams: (stage) => streams(stage, openFileLimit()),
  chunks,
  latency,
  bodies,
  kill: killed,
  stop: stopped,
  hang: hung,
  drain: drained,
  soak,
};

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
  const { proxyCore, loadCore } = options;
  await takeTurn();
  const programs = settle(loadCore);
  raiseOpenFiles();

  const root = join(cacheDir, 'load-bars');
  rmSync(root, { recursive: true, force: true });
  const rows: Row[] = [];
  const failures: string[] = [];
  for (const name of options.only) {
    const dir = join(root, name);
    mkdirSync(dir, { recursive: true });
    const harness = { loadProgram: programs.load, engines: [], loadCore, proxyCore, warmup: 0, seconds: 0, dir };
    const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${name}: ${text}\n`);
    say('begins');
    try {
      rows.push(...(await parts[name]({ harness, engineProgram: programs.engine, dir, say }, options)));
    } catch (error) {
      // One part that does not work costs its own figures, not those of the others.
      failures.push(`${name}: ${(error as Error).message}`);
      say(failures.at(-1)!);
    }
  }
  process.stdout.write(`\n${report(rows)}\n`);
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify({ options, rows, failures }, null, 2)}\n`);
  if (failures.length > 0) {
    process.stdout.write(`\nnot measured:\n${failures.join('\n')}\n`);
    return 1;
  }
  return options.gate && rows.some(({ result }) => result === 'MISSED') ? 1 : 0;
}

function report(rows: readonly Row[]): string {
  const head = ['', 'bar (stretch)', 'direct', 'measured', 'result'];
  return table([
    head,
    ...rows.map(({ part, what, bar, direct, measured, result }) => [`${part}: ${what}`, bar, direct, measured, result]),
  ]);
}

/** What is started inherits it. Where it is not allowed the number of streams follows what there is. */
function raiseOpenFiles(): void {
  try {
    runOnce('prlimit', ['--pid', `${process.pid}`, '--nofile=65536:65536']);
  } catch {
    process.stderr.write(`open files stay at ${openFileLimit()}: more need privileges, or ulimit -n\n`);
  }
}

try {
  // What a part that failed has left running is ended by the exit; it would keep this process alive.
  process.exit(await main());
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
