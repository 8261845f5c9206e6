import { join } from 'node:path';
import { buildLoadPrograms, cacheDir, type LoadPrograms } from './build.ts';
import { takeLock } from './lock.ts';
import { readBusy, readUsage } from './proc.ts';
import { runOnce, which } from './program.ts';

/** Waits until no other benchmark runs here. */
export async function takeTurn(): Promise<void> {
  await takeLock(join(cacheDir, 'lock'), (pid) => {
    process.stderr.write(`waiting for another benchmark to end, process ${pid}\n`);
  });
}

/**
 * Builds engine and load generator, and moves this driver to the load's core: it reads /proc at the ends of each window, and on the proxy's
 * core that would take time from the proxy. Throws an error with a message for the user.
 */
export function settle(loadCore: number): LoadPrograms {
  if (!which('taskset')) throw new Error('taskset is missing: apt-get install util-linux (Linux only)');
  const programs = buildLoadPrograms();
  runOnce('taskset', ['-a', '-cp', `${loadCore}`, `${process.pid}`]);
  return programs;
}

/** What the cores were busy with so far, and this driver with everything below it; µs. */
export interface Busy {
  readonly all: number;
  readonly own: number;
}

export function lookAtCores(cores: readonly number[]): Busy {
  return { all: readBusy(cores), own: readUsage(process.pid).cpuUs };
}

/** Share of the cores that nothing of this benchmark used between two looks: other programs, or the machine's host. */
export function shareOfOthers(begin: Busy, end: Busy, cores: readonly number[], seconds: number): number {
  const others = end.all - begin.all - (end.own - begin.own);
  return Math.max(0, others) / (seconds * 1e6 * new Set(cores).size);
}
