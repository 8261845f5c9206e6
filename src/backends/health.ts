import type { HealthConfig } from '../config/config.ts';
import { sameSettings } from '../config/settings-text.ts';
import { checkHealth, PAUSED } from './reach.ts';
import { isOwnTrouble } from './socket-errors.ts';
import { TaskLimit } from './task-limit.ts';

/** Checks at once, of those that are well and of those that are not: all of 1,100 backends came within a tenth of the interval. */
const AT_ONCE = 64;

/** One backend as the checks see it. */
export interface HealthTarget {
  readonly id: string;
  readonly url: string;
  readonly config: HealthConfig;
  /** Value of the `authorization` header, where the backend has a key of its own. */
  authorization?(): string | undefined;
}

export interface HealthDeps {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The verdict changed; `error` is what the last check found wrong. Must not throw. */
  readonly onChange: (id: string, healthy: boolean, error: Error | undefined) => void;
  /** A check failed, whatever the verdict. */
  readonly onFailure?: (id: string, error: Error) => void;
  /** A check was answered as it should be, whatever the verdict. */
  readonly onAnswer?: (id: string) => void;
  readonly check?: typeof checkHealth;
}

interface Check {
  target: HealthTarget;
  readonly abort: AbortController;
  timer: NodeJS.Timeout | undefined;
  healthy: boolean;
  /** Checks in a row that contradict `healthy`. */
  contrary: number;
}

/**
 * Asks every backend's health path each interval: `unhealthyAfter` failures in a row take it out, `healthyAfter` answers bring it back.
 * Backends begin as healthy: breakers see a dead one sooner than a check would.
 */
export class HealthChecks {
  readonly #deps: HealthDeps;
  readonly #checks = new Map<string, Check>();
  readonly #limit = new TaskLimit(AT_ONCE);
  /** Of unhealthy ones: many of them take the whole time-out, and nobody else should wait behind those. */
  readonly #limitOfUnhealthy = new TaskLimit(AT_ONCE);

  constructor(deps: HealthDeps) {
    this.#deps = deps;
  }

  /** Checks exactly these from now on; what is known of those that stay is kept. */
  set(targets: Iterable<HealthTarget>): void {
    const gone = new Set(this.#checks.keys());
    for (const target of targets) {
      gone.delete(target.id);
      const known = this.#checks.get(target.id);
      if (known !== undefined && same(known.target, target)) known.target = target;
      else {
        this.#forget(target.id);
        this.#begin(target, known?.healthy ?? true);
      }
    }
    for (const id of gone) {
      // Nobody checks it any more, so nobody may go on saying that it is down.
      if (this.#checks.get(id)?.healthy === false) this.#deps.onChange(id, true, undefined);
      this.#forget(id);
    }
  }

  stop(): void {
    for (const id of [...this.#checks.keys()]) this.#forget(id);
  }

  #begin(target: HealthTarget, healthy: boolean): void {
    const check: Check = { target, abort: new AbortController(), timer: undefined, healthy, contrary: 0 };
    this.#checks.set(target.id, check);
    this.#schedule(check, target.config.interval * 0.1 * this.#deps.random());
  }

  #forget(id: string): void {
    const check = this.#checks.get(id);
    clearTimeout(check?.timer);
    check?.abort.abort();
    this.#checks.delete(id);
  }

  #schedule(check: Check, delay: number): void {
    check.timer = setTimeout(() => {
      const limit = check.healthy ? this.#limit : this.#limitOfUnhealthy;
      void limit.run(() => this.#run(check));
    }, delay);
    check.timer.unref();
  }

  async #run(check: Check): Promise<void> {
    // Gone while it waited for its turn.
    if (check.abort.signal.aborted) return;
    const { config, id, url } = check.target;
    const run = this.#deps.check ?? checkHealth;
    const asked = performance.now();
    let error: Error | undefined;
    try {
      await run(url + config.path, config.timeout, check.target.authorization?.(), check.abort.signal);
    } catch (thrown) {
      error = thrown as Error;
    }
    if (check.abort.signal.aborted) return;
    // A tenth early or late, so that routers started together do not ask together for ever.
    this.#schedule(check, config.interval * (0.9 + 0.2 * this.#deps.random()));
    const paused = performance.now() - asked > config.timeout + PAUSED;
    if (error !== undefined && (paused || isOwnTrouble(error))) return;
    if (error === undefined) this.#deps.onAnswer?.(id);
    else this.#deps.onFailure?.(id, error);
    const healthy = error === undefined;
    check.contrary = healthy === check.healthy ? 0 : check.contrary + 1;
    if (check.contrary < (healthy ? config.healthyAfter : config.unhealthyAfter) || check.contrary === 0) return;
    check.healthy = healthy;
    check.contrary = 0;
    this.#deps.onChange(id, healthy, error);
  }
}

function same(a: HealthTarget, b: HealthTarget): boolean {
  return a.url === b.url && sameSettings(a.config, b.config);
}
