import type { RoutedRequest } from '../pipeline/routed-request.ts';
import type { AttemptTelemetry, Telemetry } from '../pipeline/telemetry.ts';
import type { RouterStats } from '../stats/router-stats.ts';

/** Lets the pipeline's events count. */
export class StatsTelemetry implements Telemetry {
  readonly #stats: RouterStats;

  constructor(stats: RouterStats) {
    this.#stats = stats;
  }

  arrived(routed: RoutedRequest): void {
    this.#stats.arrived(routed.modelSeen ? routed.model : undefined);
    if (routed.route !== undefined) this.#stats.open(routed.route.name, 1);
  }

  attempt(server: string, model: string, now: number, route: string): AttemptTelemetry {
    this.#stats.shares.dispatched(route, server, now);
    return this.#stats.series(server, model).dispatched(now);
  }

  retried(reason: string, result: string): void {
    this.#stats.retried(reason, result);
  }

  leg(route: string, role: string, result: string): void {
    this.#stats.legs.inc(route, role, result);
  }

  finished(routed: RoutedRequest, status: number): void {
    if (routed.route !== undefined) this.#stats.open(routed.route.name, -1);
    this.#stats.ended(routed.route?.name, routed.modelSeen ? routed.model : undefined, status);
    if (routed.keyName !== '') this.#stats.keyed(routed.keyName, status);
    if (routed.cut) this.#stats.streamTerminated(routed.error);
  }

  rejected(reason: string): void {
    this.#stats.clientRejected(reason);
  }
}
