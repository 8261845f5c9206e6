import { statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';

/**
 * Use of the whole machine in percent, as the original's gauges have it. CPU is the share since the last reading, so that
 * nothing waits: the original blocked its event loop for 100 ms per scrape to measure an interval.
 */
export class HostUsage {
  #times = cpuTimes();
  #percent = 0;

  cpu(): number {
    const times = cpuTimes();
    const total = times.total - this.#times.total;
    // Two readings in the same tick of the kernel's clock have nothing between them: the last figure stands.
    if (total > 0) {
      this.#percent = (100 * (total - (times.idle - this.#times.idle))) / total;
      this.#times = times;
    }
    return this.#percent;
  }

  memory(): number {
    return 100 * (1 - freemem() / totalmem());
  }

  /** Of the root file system; undefined where it cannot be read. */
  async disk(): Promise<number | undefined> {
    try {
      const { blocks, bfree, bavail } = await statfs('/');
      const used = blocks - bfree;
      return used + bavail === 0 ? 0 : (100 * used) / (used + bavail);
    } catch {
      return undefined;
    }
  }
}

function cpuTimes(): { total: number; idle: number } {
  let total = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    total += times.user + times.nice + times.sys + times.idle + times.irq;
    idle += times.idle;
  }
  return { total, idle };
}
