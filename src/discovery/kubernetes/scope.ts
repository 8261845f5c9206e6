import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesSourceConfig } from '../../config/config.ts';
import { formatDuration } from '../../units.ts';
import type { KubeApi } from './api.ts';
import type { ApiError } from './api-error.ts';
import type { BackendTable } from './backend-table.ts';
import type { KubernetesLimits } from './limits.ts';
import { ListGuard } from './list-guard.ts';
import { ListWatch, type ListWatchOptions } from './list-watch.ts';
import type { DiscoveryLog, KubernetesObserver } from './observer.ts';
import { podTarget } from './pod.ts';
import { endpointsReadiness, type Readiness, type ServiceTarget, serviceTarget, sliceReadiness } from './service.ts';
import { ServiceJoin } from './service-join.ts';
import type { Target } from './target.ts';
import type { WatchEventType } from './watch-parser.ts';

export interface ScopeOptions {
  readonly config: KubernetesSourceConfig;
  readonly namespace: string;
  readonly ownNamespace: () => Promise<string | undefined>;
  readonly table: BackendTable;
  readonly api: KubeApi;
  readonly limits: KubernetesLimits;
  readonly log: DiscoveryLog;
  readonly observer: KubernetesObserver;
  readonly random: () => number;
  readonly now: () => number;
  /** Called after each complete list. */
  readonly listed: () => void;
}

/** The pods or services themselves, or what tells whether something stands behind a service. */
type Part = 'objects' | 'readiness';

type PartOptions<T> = Pick<ListWatchOptions<T>, 'resource' | 'labelSelector' | 'reduce' | 'failed'> & {
  readonly group: string;
  readonly guard: ListGuard<T>;
  readonly event: (type: WatchEventType, object: T) => void;
};

/** One namespace of a source: its watches, and whether what the API says of it is believed. */
export class Scope {
  readonly #options: ScopeOptions;
  readonly #parts: readonly Part[];
  readonly #watches = new Map<Part, ListWatch<never>>();
  readonly #contacts = new Map<Part, number>();
  readonly #guards = new Map<Part, ListGuard<never>>();
  #ageTimer: NodeJS.Timeout | undefined;
  #tooOld = false;

  constructor(options: ScopeOptions) {
    this.#options = options;
    this.#parts = options.config.mode === 'pod-ip' ? ['objects'] : ['objects', 'readiness'];
  }

  /** Whether everything of this namespace has been listed once. */
  get synced(): boolean {
    return this.#contacts.size === this.#parts.length;
  }

  /** When the API last said something, of the watch that waits longest; undefined before all are listed. */
  get lastContact(): number | undefined {
    return this.synced ? Math.min(...this.#contacts.values()) : undefined;
  }

  get troubles(): string[] {
    return [...this.#watches.values()].map((watch) => watch.trouble).filter((trouble) => trouble !== '');
  }

  /** Resolves when `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, limits } = this.#options;
    if (config.keepLastKnown > 0) {
      const every = Math.min(1000, limits.probe, config.keepLastKnown / 2);
      this.#ageTimer = setInterval(() => this.#judge(), every).unref();
    }
    await (config.mode === 'pod-ip' ? this.#followPods(signal) : this.#followServices(signal));
  }

  stop(): void {
    clearInterval(this.#ageTimer);
    for (const guard of this.#guards.values()) guard.stop();
  }

  #followPods(signal: AbortSignal): Promise<void> {
    const { config, namespace, table } = this.#options;
    const part: PartOptions<Target> = {
      resource: 'pods',
      group: '/api/v1',
      labelSelector: config.labelSelector,
      reduce: (raw) => podTarget(raw, config.port, config.protocol),
      guard: this.#guard(
        'objects',
        'pods',
        (pod) => pod.uid,
        (pods) => table.replace(namespace, pods),
      ),
      event: (type, pod) => (type === 'DELETED' ? table.remove(pod.uid) : table.apply(namespace, pod)),
    };
    return this.#follow('objects', part, signal);
  }

  async #followServices(signal: AbortSignal): Promise<void> {
    const { config, namespace, table } = this.#options;
    const own = await this.#options.ownNamespace();
    const join = new ServiceJoin({
      apply: (target) => table.apply(namespace, target),
      remove: (uid) => table.remove(uid),
      replace: (targets) => table.replace(namespace, targets),
    });
    const services: PartOptions<ServiceTarget> = {
      resource: 'services',
      group: '/api/v1',
      labelSelector: config.labelSelector,
      reduce: (raw) => serviceTarget(raw, config.port, config.protocol, own),
      guard: this.#guard(
        'objects',
        'services',
        (one) => one.uid,
        (all) => join.setServices(all),
      ),
      event: (type, one) => (type === 'DELETED' ? join.removeService(one) : join.applyService(one)),
    };
    await Promise.all([this.#follow('objects', services, signal), this.#followReadiness(join, signal)]);
  }

  /** Slices are what the API wants read; the chart's Role knows only Endpoints. Whichever is refused, the other is tried. */
  async #followReadiness(join: ServiceJoin, signal: AbortSignal): Promise<void> {
    const { limits, log, namespace } = this.#options;
    const common = {
      labelSelector: '',
      guard: this.#guard<Readiness>(
        'readiness',
        'endpoints',
        (one) => one.object,
        (all) => join.setReadiness(all),
      ),
      event: (type: WatchEventType, one: Readiness) =>
        type === 'DELETED' ? join.removeReadiness(one) : join.applyReadiness(one),
      failed: (error: ApiError) =>
        (error.code === 403 || error.code === 404 ? 'give up' : undefined) as 'give up' | undefined,
    };
    const slices = {
      ...common,
      resource: 'endpointslices',
      group: '/apis/discovery.k8s.io/v1',
      reduce: sliceReadiness,
    };
    const endpoints = { ...common, resource: 'endpoints', group: '/api/v1', reduce: endpointsReadiness };
    for (let refusals = 0; ; refusals++) {
      await this.#follow('readiness', slices, signal);
      if (signal.aborted) return;
      log.debug({ namespace }, 'discovery: endpointslices may not be read; endpoints are');
      const before = this.#contacts.get('readiness');
      await this.#follow('readiness', endpoints, signal);
      if (signal.aborted) return;
      if (this.#contacts.get('readiness') !== before) refusals = 0;
      const trouble = this.troubles.join('; ');
      if (refusals === 0) log.warn({ namespace }, `${trouble}; neither may endpointslices be listed`);
      const pause = Math.min(limits.maxRetry, 250 * 2 ** Math.min(refusals, 20));
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }

  #guard<T>(part: Part, what: string, key: (one: T) => string, apply: (all: readonly T[]) => void): ListGuard<T> {
    const { limits, log, namespace, table } = this.#options;
    const guard = new ListGuard<T>({
      grace: limits.emptyGrace,
      key,
      apply,
      doubted: (doubted) => {
        if (doubted) {
          const until = `those that answer stay for ${limits.emptyGrace} ms`;
          log.warn({ namespace }, `discovery: the API lists no ${what} any more; ${until}`);
          if (part === 'objects') table.unlist(namespace);
        }
        this.#judge();
      },
    });
    this.#guards.set(part, guard as unknown as ListGuard<never>);
    return guard;
  }

  #follow<T>(part: Part, options: PartOptions<T>, signal: AbortSignal): Promise<void> {
    const { config, namespace, api, limits, log, observer, random, now, listed } = this.#options;
    const { group, guard, event, ...rest } = options;
    const watch = new ListWatch<T>({
      ...rest,
      path: `${group}/namespaces/${namespace}/${options.resource}`,
      feed: {
        listed(all) {
          guard.listed(all);
          listed();
        },
        event(type, object) {
          guard.event(type, object);
          event(type, object);
        },
      },
      contact: () => this.#contacts.set(part, now()),
      resync: config.resync,
      api,
      limits,
      log,
      observer,
      random,
      now,
    });
    this.#watches.set(part, watch as ListWatch<never>);
    return watch.run(signal);
  }

  /** A silent API and a suspicious list have one consequence: backends have to answer for themselves. */
  #judge(): void {
    const { now, config, log, namespace, table } = this.#options;
    const watched = [...this.#watches.values()].every((watch) => watch.open);
    const age = watched || this.lastContact === undefined ? 0 : now() - this.lastContact;
    const tooOld = config.keepLastKnown > 0 && age > config.keepLastKnown;
    if (tooOld && !this.#tooOld) {
      const silent = formatDuration(Math.round(age));
      log.warn({ namespace, silent }, 'discovery: the API is silent; backends stay while they answer');
    }
    this.#tooOld = tooOld;
    table.doubt(namespace, tooOld || [...this.#guards.values()].some((guard) => guard.inDoubt));
  }
}
