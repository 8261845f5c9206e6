import { collectDefaultMetrics, Registry } from 'prom-client';
import { DISCOVERY_METRICS } from './metrics/discovery.ts';
import { ENGINE_METRICS } from './metrics/engine.ts';
import { LEGACY_METRICS } from './metrics/legacy.ts';
import { ROUTER_METRICS } from './metrics/router.ts';
import type { MetricRow } from './metrics/row.ts';
import { SHADOW_METRICS } from './metrics/shadow.ts';
import { TRAFFIC_METRICS } from './metrics/traffic.ts';
import { PageWriter } from './page-writer.ts';
import type { RouterStats } from './router-stats.ts';

/** Every metric of our own, in the order of the page. */
export const METRICS: readonly MetricRow[] = [
  ...LEGACY_METRICS,
  ...TRAFFIC_METRICS,
  ...SHADOW_METRICS,
  ...ROUTER_METRICS,
  ...DISCOVERY_METRICS,
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

/** The metrics page: our own numbers, read when they are asked for, and prom-client's metrics of the process. */
export class Exposition {
  readonly #stats: RouterStats;
  readonly #process = new Registry();
  #writing: Promise<{ contentType: string; text: string }> | undefined;

  constructor(stats: RouterStats, process: boolean) {
    this.#stats = stats;
    if (!process) return;
    collectDefaultMetrics({ register: this.#process });
    for (const name of LEFT_OUT) this.#process.removeSingleMetric(name);
  }

  /** One that is being written is for all who ask meanwhile. */
  page(): Promise<{ contentType: string; text: string }> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #write(): Promise<{ contentType: string; text: string }> {
    const view = this.#stats.view();
    const writer = new PageWriter();
    for (const row of METRICS) await writer.family(row, await row.collect(view, this.#stats));
    for (const { name } of await this.#process.getMetricsAsArray()) {
      await writer.text(await this.#process.getSingleMetricAsString(name));
    }
    return { contentType: this.#process.contentType, text: writer.toString() };
  }
}
