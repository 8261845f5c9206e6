import { setTimeout as sleep } from 'node:timers/promises';

/** ms that calls under way in the thread pool get to come back. */
const PATIENCE = 200;
const AGAIN = 20;

/**
 * Ends the process with `code` where `process.exit` would not: that waits for every thread of the pool, and one that reads from a file server
 * which has gone away, writes to a pipe that nobody reads, or asks a silent name server does not come back. Returns where there is no such call.
 */
export async function leave(code: number): Promise<void> {
  for (let waited = 0; hangs(); waited += AGAIN) {
    if (waited >= PATIENCE) {
      // The last lines of the log, as with process.exit.
      process.emit('exit', code);
      // The kernel ends all threads then. A signal to ourselves would change the code, and as PID 1 nothing at all.
      process.execve?.(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
    }
    await sleep(AGAIN);
  }
}

function hangs(): boolean {
  return process.getActiveResourcesInfo().some((kind) => /^(FSReq|GetAddrInfoReq)/.test(kind));
}
