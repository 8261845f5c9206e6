import { Counter } from './counter.ts';

/** What sources did to find backends. First label of each: the source; then as in `metrics/discovery.ts`. All sets are closed. */
export class DiscoveryCounters {
  readonly events = new Counter();
  readonly relists = new Counter();
  readonly apiErrors = new Counter();

  /** The source is gone from the config. */
  forget(source: string): void {
    for (const counter of [this.events, this.relists, this.apiErrors]) counter.forget(0, source);
  }
}
