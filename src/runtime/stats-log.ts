import { formatLogTable } from '../stats/log-table.ts';
import type { RouterStats } from '../stats/router-stats.ts';

/** Prints the table of backends each `every` ms; undefined stops it. Standard error, so that it never mixes with JSON lines. */
export class StatsLog {
  readonly #stats: RouterStats;
  readonly #print: (text: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #every: number | undefined;

  constructor(stats: RouterStats, print: (text: string) => void) {
    this.#stats = stats;
    this.#print = print;
  }

  configure(every: number | undefined): void {
    if (every === this.#every) return;
    this.#every = every;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (every === undefined) return;
    this.#timer = setInterval(() => this.#print(`\n${formatLogTable(this.#stats.view())}\n`), every);
    this.#timer.unref();
  }
}
