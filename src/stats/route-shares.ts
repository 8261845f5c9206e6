import { SlidingSums } from './sliding-window.ts';

/** How many attempts each route sent to each server over the sliding window: what its algorithm made of its candidates. */
export class RouteShares {
  #window: number;
  readonly #routes = new Map<string, Map<string, SlidingSums>>();

  /** `window` in ms. */
  constructor(window: number) {
    this.#window = window;
  }

  /** A window of another length starts empty. */
  configure(window: number): void {
    if (window === this.#window) return;
    this.#window = window;
    this.#routes.clear();
  }

  /** `now`: monotonic ms. */
  dispatched(route: string, server: string, now: number): void {
    let servers = this.#routes.get(route);
    if (servers === undefined) {
      servers = new Map();
      this.#routes.set(route, servers);
    }
    let sums = servers.get(server);
    if (sums === undefined) {
      sums = new SlidingSums(this.#window, 1);
      servers.set(server, sums);
    }
    sums.add(now, 0, 1);
  }

  /** Attempts in the window by server; none for servers that got nothing. */
  of(route: string, now: number): Map<string, number> {
    const counts = new Map<string, number>();
    const sum = new Float64Array(1);
    for (const [server, sums] of this.#routes.get(route) ?? []) {
      sum[0] = 0;
      sums.addTo(now, sum);
      if (sum[0] > 0) counts.set(server, sum[0]);
    }
    return counts;
  }

  /** Forgets a server that is gone. */
  forget(server: string): void {
    for (const servers of this.#routes.values()) servers.delete(server);
  }

  /** Forgets routes that a config no longer has. */
  keep(routes: ReadonlySet<string>): void {
    for (const route of this.#routes.keys()) if (!routes.has(route)) this.#routes.delete(route);
  }
}
