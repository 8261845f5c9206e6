import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Two benchmarks at once would measure each other: waits until no living process holds the file, then holds it until the end. */
export async function takeLock(file: string, waiting: (pid: number) => void): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  for (let told = 0; ; await sleep(500)) {
    try {
      writeFileSync(file, `${process.pid}`, { flag: 'wx' });
      process.on('exit', () => rmSync(file, { force: true }));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = read(file);
    if (holder !== undefined && !alive(holder)) rmSync(file, { force: true });
    else if (holder !== undefined && holder !== told) {
      told = holder;
      waiting(holder);
    }
  }
}

/** undefined when it is gone or its writer is not done. */
function read(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
