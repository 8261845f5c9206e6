import { addresses } from '../addresses.ts';
import type { Backend } from '../backends/backend.ts';
import { HealthChecks, type HealthTarget } from '../backends/health.ts';
import { Liveness } from '../backends/liveness.ts';
import { type Hearing, hear, tryConnect } from '../backends/reach.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { RouteConfig, Secret } from '../config/config.ts';
import { settingsText } from '../config/settings-text.ts';
import type { Log } from '../log.ts';
import type { Admission } from '../pipeline/admit.ts';
import type { BackendNews } from '../pipeline/learn.ts';
import type { Snapshot } from '../pipeline/snapshot.ts';
import { formatDuration } from '../units.ts';
import { everyTick } from './ticks.ts';

/** ms between two looks at all backends. */
const INTERVAL = 100;
/** ms between two questions for a backend's models because of what clients asked of it. */
const ASK_AGAIN = 5_000;

export interface BackendWatchDeps {
  readonly registry: BackendRegistry;
  readonly admission: Admission;
  readonly snapshot: () => Snapshot | undefined;
  readonly resolveSecret: (secret: Secret) => string | undefined;
  /** Has the source of a backend ask it for its models. */
  readonly probeModels: (backend: Backend) => void;
  /** Monotonic ms. */
  readonly now: () => number;
  readonly random: () => number;
  readonly log: Log;
}

/** Watches over the backends in use: active health checks, liveness, and what requests learn of them on the way. */
export class BackendWatch implements BackendNews {
  readonly #deps: BackendWatchDeps;
  readonly #health: HealthChecks;
  readonly #liveness: Liveness;
  readonly #ticks: { stop(): void };
  readonly #unwatchNames: () => void;
  /** The policies of the first route that uses a backend. */
  #policies = new Map<string, RouteConfig>();
  readonly #askedAt = new WeakMap<Backend, number>();
  #seen: { snapshot: Snapshot; generation: number } | undefined;

  constructor(deps: BackendWatchDeps) {
    const { registry, now, random, log } = deps;
    this.#deps = deps;
    this.#health = new HealthChecks({
      random,
      onChange: (id, healthy, error) => {
        const backend = registry.get(id);
        if (backend === undefined) return;
        backend.setHealthy(healthy, now(), error?.message);
        if (healthy) log.info({ backend: backend.spec.name }, 'backend is healthy again');
        else log.warn({ backend: backend.spec.name, err: error }, 'backend is unhealthy');
      },
      onAnswer: (id) => registry.get(id)?.breaker.reached(now()),
      onFailure: (id) => {
        const backend = registry.get(id);
        if (backend !== undefined) this.#liveness.unreachable(backend);
      },
    });
    this.#liveness = new Liveness({
      now,
      connect: (backend, timeout) => tryConnect(backend.url, timeout),
      hear: (backend, timeout) => this.#hear(backend, timeout),
      others: (backend, model) => {
        const at = now();
        const serves = (other: Backend) => model === undefined || other.serves(model);
        return registry.backends.filter((other) => other !== backend && serves(other) && other.available(at));
      },
      eject: (backend, reason, unreachable) => {
        const policy = this.#policies.get(backend.id);
        if (policy !== undefined) backend.breaker.trip(now(), policy.circuitBreaker, unreachable);
        log.warn({ backend: backend.spec.name, requests: backend.attempts.size }, `backend is given up: ${reason}`);
      },
    });
    this.#ticks = everyTick(INTERVAL, now, () => this.#look());
    this.#unwatchNames = addresses.watch((name, err) => {
      if (err) log.warn({ name, err }, 'a name can no longer be resolved: its last addresses stay in use');
      else log.info({ name }, 'a name can be resolved again');
    });
  }

  stop(): void {
    this.#ticks.stop();
    this.#health.stop();
    this.#unwatchNames();
  }

  /** Said each time: a probe that fails has the next one wait for twice as long. */
  ejected({ spec, breaker }: Backend, reason: string, until: number): void {
    const fields = { backend: spec.name, reason, failures: breaker.failures };
    const wait = formatDuration(Math.max(0, Math.round((until - this.#deps.now()) / 100) * 100));
    this.#deps.log.warn(fields, `backend is ejected: requests to it fail; the next one may try it in ${wait}`);
  }

  readmitted({ spec }: Backend): void {
    this.#deps.log.info({ backend: spec.name }, 'backend is no longer ejected');
  }

  warn(backend: Backend, message: string): void {
    this.#deps.log.error({ backend: backend.spec.name }, message);
  }

  modelLost(backend: Backend): void {
    const now = this.#deps.now();
    if (now - (this.#askedAt.get(backend) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN) return;
    this.#askedAt.set(backend, now);
    this.#deps.probeModels(backend);
  }

  unreachable(backend: Backend): void {
    this.#liveness.unreachable(backend);
  }

  #look(): void {
    this.#follow();
    for (const backend of this.#deps.registry.all()) if (backend.attempts.size > 0) this.#liveness.look(backend);
    // Backends come back without any request of theirs ending.
    this.#deps.admission.poke();
  }

  /** Takes over changes of the config and of the backends. */
  #follow(): void {
    const snapshot = this.#deps.snapshot();
    const { generation } = this.#deps.registry;
    if (snapshot === undefined) return;
    if (this.#seen?.snapshot === snapshot && this.#seen.generation === generation) return;
    this.#seen = { snapshot, generation };
    const policies = new Map<string, RouteConfig>();
    const checked = new Map<string, HealthTarget>();
    const seen = new Set<string>();
    for (const { config, candidates } of snapshot.routes) {
      // Most routes take the same backends and check them alike: a hundred of them over a thousand backends took 30 ms.
      const kind = settingsText(config.backends) + settingsText(config.health);
      if (seen.has(kind)) continue;
      seen.add(kind);
      for (const backend of candidates.members()) {
        if (!policies.has(backend.id)) policies.set(backend.id, config);
        const known = checked.get(backend.id);
        const { interval } = config.health;
        // Routes that share a backend share its checks: the most frequent ones.
        if (interval === 0 || (known !== undefined && known.config.interval <= interval)) continue;
        checked.set(backend.id, {
          id: backend.id,
          url: backend.url,
          config: config.health,
          authorization: () => this.#authorization(backend)!,
        });
      }
    }
    this.#policies = policies;
    this.#health.set(checked.values());
  }

  #hear(backend: Backend, timeout: number): Promise<Hearing> {
    const path = this.#policies.get(backend.id)?.health.path ?? '/health';
    return hear(backend.url + path, timeout, this.#authorization(backend));
  }

  #authorization({ spec }: Backend): string | undefined {
    const key = spec.apiKey && this.#deps.resolveSecret(spec.apiKey);
    return key === undefined ? undefined : `Bearer ${key}`;
  }
}
