import type { Backend } from '../backends/backend.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { Secret } from '../config/config.ts';
import { RouterError } from '../errors.ts';
import type { AttemptResult } from '../proxy/attempt-result.ts';
import { ClientWriter } from '../proxy/client-writer.ts';
import { Attempt } from './attempt.ts';
import { type Chooser, choose } from './choose.ts';
import { conclude, failure } from './conclude.ts';
import type { BackendNews } from './learn.ts';
import type { Route } from './route.ts';
import type { RoutedRequest } from './routed-request.ts';
import type { Telemetry } from './telemetry.ts';
import { Judge, type Verdict } from './verdict.ts';

/** What forwarding needs of the process. */
export interface Forwarding extends Chooser, BackendNews {
  readonly registry: BackendRegistry;
  readonly telemetry: Telemetry;
  readonly resolveSecret: (secret: Secret) => string | undefined;
  /** Every attempt that runs, for time-outs and the drain. */
  readonly running: Set<Attempt>;
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
  readonly #tried: Backend[] = [];
  readonly #judge: Judge;
  #last: AttemptResult | undefined;
  /** Why no attempt was made at all. */
  #refused: RouterError | undefined;
  /** Further attempts that had a price. */
  #repeats = 0;

  constructor(routed: RoutedRequest, headerLines: string, deps: Forwarding) {
    this.#routed = routed;
    this.#headerLines = headerLines;
    this.#deps = deps;
    this.#client = new ClientWriter(routed.response);
    this.#judge = new Judge(routed.route!.config.retry.statuses);
  }

  /** Tries the route's backends. True when the result is final, false when another route may try. */
  async serve(route: Route): Promise<boolean> {
    const routed = this.#routed;
    const deps = this.#deps;
    routed.firstCandidates = undefined;
    let reason = '';
    for (;;) {
      // With an answer in hand, backends that are believed to be down are not asked.
      const panic = this.#last?.type !== 'answered';
      const chosen = choose(routed, route, this.#tried, panic, deps);
      const backend = chosen === 'full' ? await this.#queue(route, panic) : chosen;
      if (chosen === 'full' && backend !== undefined) deps.admission.claim(backend);
      if (routed.over) {
        this.#last = { type: 'left' };
        return true;
      }
      if (reason !== '') deps.telemetry.retried(reason, backend === undefined ? 'no-candidate' : 'sent');
      if (backend === undefined) return false;
      this.#tried.push(backend);
      const result = await run(new Attempt(routed, route, backend, deps), this.#client, this.#headerLines, deps);
      this.#last = result;
      const verdict = this.#judge.verdict(result, backend.spec.apiKey !== undefined);
      if (verdict === 'final') return true;
      if (verdict === 'poison') throw failure(routed, 'poison_request');
      reason = reasonOf(result);
      if (!this.#mayRepeat(route, verdict, reason)) return false;
      // The first repetition comes at once, for the sake of the client; later ones must not add to a storm.
      if (this.#repeats > 1) await pause(25 + deps.random() * 225);
    }
  }

  /** What the client did wrong, another route's backends would not like better. */
  get mayFallBack(): boolean {
    if (this.#routed.pinned !== undefined) return false;
    if (this.#last?.type !== 'answered') return true;
    const { status } = this.#last.answer;
    return status >= 500 || status === 401 || status === 403;
  }

  conclude(): void {
    if (this.#last === undefined && this.#refused !== undefined) throw this.#refused;
    conclude(this.#routed, this.#client, this.#last, this.#tried.at(-1));
  }

  /** All that could serve have all they may have. */
  async #queue(route: Route, panic: boolean): Promise<Backend | undefined> {
    // What a backend has said already is worth more than a place in a queue.
    if (this.#last?.type === 'answered') return undefined;
    try {
      return await this.#deps.admission.wait(this.#routed, route, () => {
        const next = choose(this.#routed, route, this.#tried, panic, this.#deps);
        return next === 'full' ? undefined : next;
      });
    } catch (error) {
      if (!(error instanceof RouterError)) throw error;
      this.#refused = error;
      return undefined;
    }
  }

  #mayRepeat(route: Route, verdict: Verdict, reason: string): boolean {
    if (verdict === 'free') return true;
    const { telemetry, now } = this.#deps;
    if (this.#repeats >= route.config.retry.attempts) {
      telemetry.retried(reason, 'exhausted');
      return false;
    }
    if (verdict === 'budget' && !route.retryBudget.take(now())) {
      telemetry.retried(reason, 'budget');
      return false;
    }
    this.#repeats++;
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
  deps.running.add(attempt);
  try {
    return await attempt.run(client, headerLines);
  } finally {
    deps.running.delete(attempt);
    routed.attempt = undefined;
  }
}

function reasonOf(result: AttemptResult): string {
  if (result.type === 'answered') return `status_${result.answer.status}`;
  return result.type === 'failed' ? result.reason : '';
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
