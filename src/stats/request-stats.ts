import { LabelCap } from './label-cap.ts';
import { Series } from './series.ts';
import { type Summary, summarize } from './summary.ts';

const NO_SERIES: ReadonlyMap<string, Series> = new Map();

/** The series of every server and model, and what they add up to. Memory: about 8 KB a series, whatever the traffic. */
export class RequestStats {
  readonly models: LabelCap;
  #window: number;
  /** When the windows began to fill. */
  #startedAt: number;
  readonly #servers = new Map<string, Map<string, Series>>();

  /** `window` in ms, `now` monotonic ms, `maxModels` distinct model labels. */
  constructor(window: number, maxModels: number, now: number) {
    this.#window = window;
    this.models = new LabelCap(maxModels);
    this.#startedAt = now;
  }

  /** ms. */
  get window(): number {
    return this.#window;
  }

  /** Takes over a reloaded config. A window of another length starts empty; counters go on. */
  configure(window: number, maxModels: number, now: number): void {
    this.models.limit = maxModels;
    if (window === this.#window) return;
    this.#window = window;
    this.#startedAt = now;
    for (const models of this.#servers.values()) for (const series of models.values()) series.slide(window);
  }

  /** The series of a model that the server serves; the same object until `forget`. */
  series(server: string, model: string): Series {
    let models = this.#servers.get(server);
    if (models === undefined) {
      models = new Map();
      this.#servers.set(server, models);
    }
    const known = models.get(model);
    if (known !== undefined) return known;
    // Only the label is stored, so that models beyond the cap share one series instead of filling the map.
    const label = this.models.label(model);
    let series = models.get(label);
    if (series === undefined) {
      series = new Series(server, label, this.#window);
      models.set(label, series);
    }
    return series;
  }

  /** The server is retired: its series go, and with them what they counted. */
  forget(server: string): void {
    this.#servers.delete(server);
  }

  get servers(): Iterable<string> {
    return this.#servers.keys();
  }

  of(server: string): Iterable<Series> {
    return (this.#servers.get(server) ?? NO_SERIES).values();
  }

  /** How long the windows have been filling, ms. */
  age(now: number): number {
    return now - this.#startedAt;
  }

  /** One server's figures over all its models, or of one model. */
  summary(server: string, now: number, model?: string): Summary {
    const models = this.#servers.get(server) ?? NO_SERIES;
    const one = model === undefined ? undefined : models.get(this.models.label(model));
    return summarize(model === undefined ? models.values() : one ? [one] : [], now, this.age(now));
  }
}
