import { setImmediate as nextTurn } from 'node:timers/promises';
import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import { ENGINE_METRICS } from './metrics/engine.ts';
import { LEGACY_METRICS } from './metrics/legacy.ts';
import { ROUTER_METRICS } from './metrics/router.ts';
import type { MetricRow, Sample } from './metrics/row.ts';
import { TRAFFIC_METRICS } from './metrics/traffic.ts';
import type { RouterStats } from './router-stats.ts';
import type { View } from './view.ts';

/** Every metric of our own, in the order of the page. */
export const METRICS: readonly MetricRow[] = [
  ...LEGACY_METRICS,
  ...TRAFFIC_METRICS,
  ...ROUTER_METRICS,
  ...ENGINE_METRICS,
];

/**
 * prom-client's lists of open handles and requests, left out: they walk every socket on each scrape, which with ten
 * thousand streams is milliseconds of the event loop, and promtool refuses their names.
 */
const LEFT_OUT = ['handles', 'requests', 'resources'].flatMap((what) => [
  `nodejs_active_${what}`,
  `nodejs_active_${what}_total`,
]);

/** ms of formatting after which the event loop gets a turn: a thousand backends make tens of thousands of lines. */
const TURN = 5;

/** The metrics page: a private prom-client registry whose metrics read our numbers when they are asked. */
export class Exposition {
  readonly #stats: RouterStats;
  readonly #registry = new Registry();
  #view: View | undefined;

  constructor(stats: RouterStats, process: boolean) {
    this.#stats = stats;
    for (const row of METRICS) this.#register(row);
    if (!process) return;
    collectDefaultMetrics({ register: this.#registry });
    for (const name of LEFT_OUT) this.#registry.removeSingleMetric(name);
  }

  async page(): Promise<{ contentType: string; text: string }> {
    this.#view = this.#stats.view();
    const families: string[] = [];
    let began = performance.now();
    for (const { name } of await this.#registry.getMetricsAsArray()) {
      families.push(await this.#registry.getSingleMetricAsString(name));
      if (performance.now() - began > TURN) {
        await nextTurn();
        began = performance.now();
      }
    }
    return { contentType: this.#registry.contentType, text: `${families.join('\n')}\n` };
  }

  #register(row: MetricRow): void {
    const { name, help, type } = row;
    const get = async () => {
      const view = this.#view ?? this.#stats.view();
      return { name, help, type, aggregator: 'sum', values: await this.#values(row, view) };
    };
    // prom-client asks a metric for no more than this; its own classes would look labels up on every event.
    this.#registry.registerMetric({ name, help, type, get, reset() {} } as unknown as Metric);
  }

  async #values(row: MetricRow, view: View): Promise<Value[]> {
    const values: Value[] = [];
    for (const sample of await row.collect(view, this.#stats)) append(values, row, sample);
    return values;
  }
}

interface Value {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels?: Readonly<Record<string, string>>;
  readonly value: number;
}

function append(values: Value[], { name, labels: names }: MetricRow, sample: Sample): void {
  const labels: Record<string, string> = {};
  for (const [index, label] of names.entries()) {
    const value = sample.labels[index];
    // An empty label is the same as none to Prometheus; leaving it out keeps the page readable.
    if (value !== undefined && value !== '') labels[label] = value;
  }
  if (typeof sample.value === 'number') {
    values.push({ labels, value: sample.value });
    return;
  }
  const { bounds, counts, sum } = sample.value;
  let count = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    count += counts[bucket]!;
    const le = bucket < bounds.length ? bounds[bucket]! : '+Inf';
    values.push({ metricName: `${name}_bucket`, labels: { le }, sharedLabels: labels, value: count });
  }
  values.push({ metricName: `${name}_sum`, labels: {}, sharedLabels: labels, value: sum });
  values.push({ metricName: `${name}_count`, labels: {}, sharedLabels: labels, value: count });
}
