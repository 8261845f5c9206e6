import type { Histogram } from '../histogram.ts';
import type { RouterStats } from '../router-stats.ts';
import type { Series } from '../series.ts';
import type { ServerView, View } from '../view.ts';

export interface Sample {
  /** Values of the row's labels, in its order; an empty one is left out. */
  readonly labels: readonly string[];
  readonly value: number | Histogram;
}

/** One metric: `docs/metrics.md` has a line for each, held to this table by a test. */
export interface MetricRow {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly collect: (view: View, stats: RouterStats) => Iterable<Sample> | Promise<Iterable<Sample>>;
}

/** A row with one sample per server; none where `value` is undefined. */
export function perServer(
  name: string,
  type: 'gauge' | 'counter',
  help: string,
  value: (server: ServerView, view: View) => number | undefined,
): MetricRow {
  return {
    name,
    type,
    help,
    labels: ['server'],
    *collect(view) {
      for (const server of view.servers) {
        const number = value(server, view);
        if (number !== undefined) yield { labels: [server.server], value: number };
      }
    },
  };
}

/** A row by server and model, and by `labels` whose values `samples` gives beside each number. */
export function perSeries(
  name: string,
  type: MetricRow['type'],
  help: string,
  labels: readonly string[],
  samples: (series: Series) => Iterable<readonly [labels: readonly string[], value: Sample['value']]>,
): MetricRow {
  return {
    name,
    type,
    help,
    labels: ['server', 'model', ...labels],
    *collect(view) {
      for (const { series } of view.servers) {
        for (const one of series) {
          for (const [more, value] of samples(one)) yield { labels: [one.server, one.model, ...more], value };
        }
      }
    },
  };
}

/** A row without labels. */
export function single(
  name: string,
  type: 'gauge' | 'counter',
  help: string,
  value: (stats: RouterStats, view: View) => number | undefined | Promise<number | undefined>,
): MetricRow {
  return {
    name,
    type,
    help,
    labels: [],
    async collect(view, stats) {
      const number = await value(stats, view);
      return number === undefined ? [] : [{ labels: [], value: number }];
    },
  };
}

/** ms → s, leaving undefined. */
export function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
