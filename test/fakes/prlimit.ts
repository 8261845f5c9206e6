import { execFileSync } from 'node:child_process';

/** Why a test that needs `prlimit` is skipped, if it is. */
export const WITHOUT_PRLIMIT: string | false = hasPrlimit() ? false : 'no prlimit here';

function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
