import type { Backend } from '../backends/backend.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { Roster } from '../backends/roster.ts';
import type { Secret } from '../config/config.ts';
import { RouterError } from '../errors.ts';
import type { AttemptResult } from '../proxy/attempt-result.ts';
import { ClientWriter } from '../proxy/client-writer.ts';
import { Attempt } from './attempt.ts';
import { type Chooser, choose } from './choose.ts';
import { conclude, failure } from './conclude.ts';
import { serveInRoles } from './disaggregated/serve-in-roles.ts';
import type { BackendNews } from './learn.ts';
import { Leg, type Prepare, type TryBackends } from './leg.ts';
import type { Route } from './route.ts';
import type { RoutedRequest } from './routed-request.ts';
import type { Telemetry } from './telemetry.ts';
import { Judge, type Verdict } from './verdict.ts';

/** What forwarding needs of the process. */
export interface Forwarding extends Chooser, BackendNews {
  readonly registry: BackendRegistry;
  readonly telemetry: Telemetry;
  readonly resolveSecret: (secret: Secret) => string | undefined;
  /** Writes where an attempt goes; called with `logging.routing` only. */
  readonly routing: (routed: RoutedRequest, route: Route, backend: Backend) => void;
  /** Every attempt that runs, for time-outs and the drain. */
  readonly running: Roster<Attempt>;
}

/**
 * Picks a backend, makes the attempt, and asks again without the backends already tried as long as nothing has reached the client;
 * then the route's fallbacks. Ends with an answer sent, or throws the error that the client gets.
 */
export async function forward(routed: RoutedRequest, headerLines: string, deps: Forwarding): Promise<void> {
  const forwarding = new RequestForwarding(routed, headerLines, deps);
  const route = routed.route!;
  route.retryBudget.request(deps.now());
  let over = await forwarding.serve(route);
  for (const name of route.config.fallback) {
    if (over || !forwarding.mayFallBack) break;
    const fallback = routed.snapshot.routesByName.get(name);
    if (fallback !== undefined) over = await forwarding.serve(fallback);
  }
  forwarding.conclude();
}

/** One request on its way through attempts and routes. */
class RequestForwarding {
  readonly #routed: RoutedRequest;
  readonly #headerLines: string;
  readonly #deps: Forwarding;
  readonly #client: ClientWriter;
  readonly #judge: Judge;
  /** The one that answers the client. */
  readonly #leg: Leg;

  constructor(routed: RoutedRequest, headerLines: string, deps: Forwarding) {
    this.#routed = routed;
    this.#headerLines = headerLines;
    this.#deps = deps;
    this.#client = new ClientWriter(routed.response);
    this.#judge = new Judge(routed.route!.config.retry.statuses);
    this.#leg = new Leg(true, routed.body);
  }

  /** Tries the route's backends. True when the result is final, false when another route may try. */
  serve(route: Route): Promise<boolean> {
    const { roles } = route;
    if (roles === undefined || this.#routed.pinned !== undefined) return this.#tryBackends(route, this.#leg);
    const tryBackends = (...args: Parameters<TryBackends>) => this.#tryBackends(...args);
    return serveInRoles(this.#routed, roles, this.#leg, tryBackends, this.#deps);
  }

  async #tryBackends(route: Route, leg: Leg, prepare?: Prepare): Promise<boolean> {
    const routed = this.#routed;
    const deps = this.#deps;
    leg.firstCandidates = undefined;
    leg.role = route.role;
    let reason = '';
    for (;;) {
      // With an answer in hand, backends that are believed to be down are not asked.
      const panic = leg.last?.type !== 'answered';
      // What nobody could go on with is not begun.
      if (prepare !== undefined && route.candidates.available(routed.model, leg.tried, deps.now(), panic).length > 0) {
        const prepared = await prepare();
        if (prepared !== 'ready') return prepared === 'over';
      }
      const chosen = choose(routed, route, leg, panic, deps);
      const backend = chosen === 'full' ? await this.#queue(route, leg, panic) : chosen;
      if (chosen === 'full' && backend !== undefined) deps.admission.claim(backend);
      if (routed.over) {
        leg.last = { type: 'left' };
        return true;
      }
      if (reason !== '') deps.telemetry.retried(reason, backend === undefined ? 'no-candidate' : 'sent');
      if (backend === undefined) return false;
      leg.tried.push(backend);
      const result = await run(new Attempt(routed, route, leg, backend, deps), this.#client, this.#headerLines, deps);
      leg.last = result;
      leg.lastBackend = backend;
      const verdict = this.#judge.verdict(result, backend.spec.apiKey !== undefined);
      if (verdict === 'final') return true;
      if (verdict === 'poison') throw failure(routed, 'poison_request');
      reason = reasonOf(result);
      if (!this.#mayRepeat(route, leg, verdict, reason)) return false;
      // The first repetition comes at once, for the sake of the client; later ones must not add to a storm.
      if (leg.repeats > 1) await pause(25 + deps.random() * 225);
    }
  }

  /** What the client did wrong, another route's backends would not like better. */
  get mayFallBack(): boolean {
    if (this.#routed.pinned !== undefined) return false;
    const { last } = this.#leg;
    if (last?.type !== 'answered') return true;
    const { status } = last.answer;
    return status >= 500 || status === 401 || status === 403;
  }

  conclude(): void {
    const { last, refused } = this.#leg;
    if (last === undefined && refused !== undefined) throw refused;
    conclude(this.#routed, this.#client, this.#leg);
  }

  /** All that could serve have all they may have. */
  async #queue(route: Route, leg: Leg, panic: boolean): Promise<Backend | undefined> {
    // What a backend has said already is worth more than a place in a queue.
    if (leg.last?.type === 'answered') return undefined;
    const from = this.#deps.now();
    let refusal: RouterError | undefined;
    try {
      return await this.#deps.admission.wait(this.#routed, route, () => {
        const next = choose(this.#routed, route, leg, panic, this.#deps);
        // One that sleeps or is being replaced may come back; one that nobody lists will not.
        if (next === undefined) return isForsaken(this.#routed, route, leg) ? 'none' : undefined;
        return next === 'full' ? undefined : next;
      });
    } catch (error) {
      if (!(error instanceof RouterError)) throw error;
      refusal = error;
      leg.refused = error;
      return undefined;
    } finally {
      this.#routed.trace?.queued(route, from, this.#deps.now(), refusal?.code);
    }
  }

  #mayRepeat(route: Route, leg: Leg, verdict: Verdict, reason: string): boolean {
    if (verdict === 'free') return true;
    const { telemetry, now } = this.#deps;
    if (leg.repeats >= route.config.retry.attempts) {
      telemetry.retried(reason, 'exhausted');
      return false;
    }
    if (verdict === 'budget' && !route.retryBudget.take(now())) {
      telemetry.retried(reason, 'budget');
      return false;
    }
    leg.repeats++;
    return true;
  }
}

async function run(
  attempt: Attempt,
  client: ClientWriter,
  headerLines: string,
  deps: Forwarding,
): Promise<AttemptResult> {
  const { routed } = attempt;
  routed.attempt = attempt;
  const place = deps.running.add(attempt);
  try {
    return await attempt.run(client, headerLines);
  } finally {
    deps.running.delete(place);
    routed.attempt = undefined;
  }
}

/** No source lists a backend any more that the request could still be sent to. */
function isForsaken({ pinned, model }: RoutedRequest, route: Route, { tried }: Leg): boolean {
  if (pinned !== undefined) return pinned.removed;
  return route.candidates.all(model).every((backend) => tried.includes(backend));
}

function reasonOf(result: AttemptResult): string {
  if (result.type === 'answered') return `status_${result.answer.status}`;
  return result.type === 'failed' ? result.reason : '';
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
