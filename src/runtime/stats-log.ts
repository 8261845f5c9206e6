import { LogSink } from '../log-sink.ts';
import { formatLogTable } from '../stats/log-table.ts';
import type { RouterStats } from '../stats/router-stats.ts';

const STANDARD_ERROR = 2;

/**
 * Prints the table of backends each `every` ms; undefined stops it. Standard error, so that it never mixes with JSON lines. Not by
 * `process.stderr`: a reader that is gone or a full disk is an error event there, which ended the process, and behind one that
 * does not read it keeps everything.
 */
export class StatsLog {
  readonly #stats: RouterStats;
  #sink: LogSink | undefined;
  #timer: NodeJS.Timeout | undefined;
  #every: number | undefined;

  constructor(stats: RouterStats) {
    this.#stats = stats;
  }

  configure(every: number | undefined): void {
    if (every === this.#every) return;
    this.#every = every;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (every === undefined) {
      void this.#sink?.close();
      this.#sink = undefined;
      return;
    }
    this.#sink ??= new LogSink(STANDARD_ERROR);
    const sink = this.#sink;
    this.#timer = setInterval(() => {
      sink.write(`\n${formatLogTable(this.#stats.view())}\n`);
      sink.flush();
    }, every);
    this.#timer.unref();
  }
}
