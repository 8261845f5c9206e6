import type { KubernetesSourceConfig } from '../../src/config/config.ts';
import { findCluster } from '../../src/discovery/kubernetes/find-cluster.ts';
import type { KubernetesLimits } from '../../src/discovery/kubernetes/limits.ts';
import {
  createKubernetesSource,
  type KubernetesSource,
  type KubernetesSourceDeps,
} from '../../src/discovery/kubernetes/source.ts';
import type { BackendSpec } from '../../src/discovery/source.ts';
import type { Cluster } from './cluster.ts';

const PATIENCE = 20_000;

export const CONFIG: KubernetesSourceConfig = {
  type: 'k8s',
  name: 'cluster',
  mode: 'pod-ip',
  namespaces: ['default'],
  labelSelector: 'app=vllm',
  port: { name: 'http' },
  protocol: 'http',
  resync: 300_000,
  keepLastKnown: 0,
  refresh: 60_000,
};

export interface FollowOptions {
  readonly root: string;
  readonly config?: Partial<KubernetesSourceConfig>;
  readonly limits?: Partial<KubernetesLimits>;
  readonly deps?: Partial<KubernetesSourceDeps>;
  /** Instead of the cluster's own port: a proxy's. */
  readonly port?: number;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
}

/** A source on a real cluster and what it published, to be awaited. */
export class Follower {
  readonly source: KubernetesSource;
  readonly log: LogLine[] = [];
  readonly lists: string[] = [];
  readonly errors: string[] = [];
  specs: readonly BackendSpec[] = [];
  publications = 0;
  #waiting: (() => void)[] = [];

  constructor(cluster: Cluster, { root, config, limits, deps, port }: FollowOptions) {
    const variables = { ...cluster.inCluster, ...(port !== undefined && { KUBERNETES_SERVICE_PORT: String(port) }) };
    const say = (level: string) => (_: object, message: string) => {
      this.log.push({ level, message });
      this.#wake();
    };
    this.source = createKubernetesSource(
      { ...CONFIG, ...config },
      {
        log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
        resolveSecret: (secret) => ('env' in secret ? `key-of-${secret.env}` : undefined),
        access: findCluster({ env: variables, root, connectTimeout: limits?.connect ?? 5000 }),
        observer: {
          listed: (resource, reason) => {
            this.lists.push(`${resource} ${reason}`);
            this.#wake();
          },
          apiError: (resource, verb, code) => {
            this.errors.push(`${verb} ${resource} ${code}`);
            this.#wake();
          },
        },
        ...(limits && { limits }),
        ...deps,
      },
    );
    this.source.start((specs) => {
      this.specs = specs;
      this.publications++;
      this.#wake();
    });
  }

  /** `name:model,model` of each backend, with `!` for terminating and `~` for sleeping, in order of names. */
  get summary(): string {
    const text = (one: BackendSpec) =>
      `${one.name.replace('default/', '')}:${one.models.map((model) => model.id)}${one.terminating ? '!' : ''}${one.sleeping ? '~' : ''}`;
    return this.specs.map(text).sort().join(' ');
  }

  /** Resolves when `condition` holds; checked at each publication, list, error and log line. */
  async until(condition: () => boolean, what: string, patience = PATIENCE): Promise<void> {
    const limit = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const state = {
        summary: this.summary.slice(0, 500),
        lists: this.lists.slice(-5),
        errors: this.errors.slice(-5),
        log: this.log.slice(-5),
      };
      limit.reject(new Error(`not ${what} within ${patience} ms: ${JSON.stringify(state, null, 1)}`));
    }, patience);
    try {
      while (!condition()) {
        await Promise.race([new Promise<void>((resolve) => this.#waiting.push(resolve)), limit.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when the published set reads so; see `summary`. */
  async shows(summary: string, patience?: number): Promise<void> {
    await this.until(() => this.summary === summary, `"${summary}"`, patience);
  }

  /** ms that `action` and waiting for the publication after it took. */
  async time(action: () => Promise<unknown>, summary: string): Promise<number> {
    const began = performance.now();
    await action();
    await this.shows(summary);
    return performance.now() - began;
  }

  async stop(): Promise<void> {
    await this.source.stop();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
