import type { KubernetesSourceConfig, Secret } from '../../config/config.ts';
import { probeModels } from '../model-probe.ts';
import { ModelProber } from '../model-prober.ts';
import type { Publish, Source } from '../source.ts';
import type { ClusterAccess } from './access.ts';
import { KubeApi } from './api.ts';
import { BackendTable, type KnownBackend } from './backend-table.ts';
import { findCluster } from './find-cluster.ts';
import { DEFAULT_LIMITS, type KubernetesLimits } from './limits.ts';
import type { DiscoveryLog, KubernetesObserver } from './observer.ts';
import { Publisher } from './publisher.ts';
import { Scope } from './scope.ts';
import { askSleeping, patchSleepLabel, retryPatch, type SleepRecord } from './sleep.ts';
import type { Target } from './target.ts';

export interface KubernetesSourceDeps {
  readonly log: DiscoveryLog;
  /** The key as it is now; undefined when it cannot be read. */
  readonly resolveSecret: (secret: Secret) => string | undefined;
  readonly observer?: KubernetesObserver;
  /** What the registry knows of a backend from a source before a reload. */
  readonly known?: (id: string) => KnownBackend | undefined;
  readonly onProbeFailure?: (backend: string, error: Error, failures: number) => void;
  readonly onProbeRecovered?: (backend: string) => void;
  /** Absent: KUBECONFIG, else the pod's service account, else `~/.kube/config`. */
  readonly access?: ClusterAccess;
  readonly limits?: Partial<KubernetesLimits>;
  readonly random?: () => number;
  /** Monotonic ms. */
  readonly now?: () => number;
}

/** How discovery is doing, for metrics and the status page. */
export interface KubernetesStatus {
  /** ms since the API server last said something, of the namespace that waits longest; undefined before the first list of all. */
  readonly lastSyncAge: number | undefined;
  /** What is wrong now, one line for each watch in trouble. */
  readonly troubles: readonly string[];
}

export interface KubernetesSource extends Source {
  status(): KubernetesStatus;
  /**
   * Records that a backend was put to sleep or woken: at once for this router, then as a label that every replica sees. Resolves
   * when that is decided; undefined for a backend that is not this source's. Never rejects. No request should wait for it.
   */
  setSleeping(id: string, sleeping: boolean): Promise<SleepRecord | undefined>;
}

/** Backends of a Kubernetes cluster. API trouble of any kind and length removes none of them. */
export function createKubernetesSource(config: KubernetesSourceConfig, deps: KubernetesSourceDeps): KubernetesSource {
  const { log, observer = {}, random = Math.random, now = () => performance.now() } = deps;
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  const access = deps.access ?? findCluster({ env: process.env, root: '', connectTimeout: limits.connect });
  const api = new KubeApi(access);
  const stopping = new AbortController();
  let publish: Publish = () => {};
  let loops: Promise<void>[] = [];
  /** Backends of the first lists whose first probe has not ended; undefined until everything is listed. */
  let awaited: Set<string> | undefined;
  let synced = false;
  /** Not before every namespace is listed: half a set would take the other half from the source before a reload. */
  let publishing = false;
  let publishAnyway: NodeJS.Timeout | undefined;

  const publisher = new Publisher(() => publishing && publish(table.specs()));
  const table: BackendTable = new BackendTable({
    source: config.name,
    apiKey: config.apiKey,
    severalNamespaces: config.namespaces.length > 1,
    known: deps.known,
    watch(target, anew) {
      if (anew) prober.forget(target.uid);
      prober.watch({ id: target.uid, url: target.url!, authorization, probe: probeOf(target) });
    },
    probeNow: (uid) => prober.probeNow(uid),
    unwatch(uid) {
      prober.forget(uid);
      settled(uid);
    },
    changed: (urgency) => publisher.touch(urgency),
  });
  const prober: ModelProber = new ModelProber({
    refresh: config.refresh,
    timeout: limits.probe,
    random,
    onCards: (uid, cards) => table.answered(uid, cards),
    onAnswer(uid) {
      table.answered(uid);
      settled(uid);
    },
    onFailure(uid, error, failures) {
      table.failed(uid);
      settled(uid);
      const backend = table.get(uid);
      if (backend) deps.onProbeFailure?.(`${backend.namespace}/${backend.name}`, error, failures);
    },
    onRecovered(uid) {
      const backend = table.get(uid);
      if (backend) deps.onProbeRecovered?.(`${backend.namespace}/${backend.name}`);
    },
  });
  const scopes = config.namespaces.map(
    (namespace) =>
      new Scope({
        config,
        namespace,
        ownNamespace: () => access.namespace(),
        table,
        api,
        limits,
        log,
        observer,
        random,
        now,
        listed,
      }),
  );

  function authorization(): string | undefined {
    const key = config.apiKey && deps.resolveSecret(config.apiKey);
    return key === undefined ? undefined : `Bearer ${key}`;
  }

  function probeOf(target: Target): typeof probeModels {
    let asks = target.sleepMode;
    return async (url, options) => {
      if (asks) {
        const asleep = await askSleeping(url, options);
        if (!options.signal?.aborted) table.saidAsleep(target.uid, asleep);
        asks = asleep !== undefined;
      }
      return probeModels(url, options);
    };
  }

  function listed(): void {
    if (!publishing) {
      const all = scopes.every((scope) => scope.synced);
      // A namespace that is refused or does not answer must not keep the others away for ever.
      if (all) beginPublishing();
      else publishAnyway ??= setTimeout(beginPublishing, limits.list).unref();
    }
    if (awaited || !scopes.every((scope) => scope.synced)) return;
    awaited = new Set(table.unsettled());
    if (awaited.size === 0) synced = true;
    // An engine that does not answer its model list must not keep the router from serving the others.
    else setTimeout(becomeSynced, limits.probe).unref();
  }

  function beginPublishing(): void {
    clearTimeout(publishAnyway);
    publishing = true;
    publisher.touch('now');
  }

  function settled(uid: string): void {
    if (awaited?.delete(uid) && awaited.size === 0) becomeSynced();
  }

  function becomeSynced(): void {
    synced = true;
  }

  return {
    name: config.name,
    get synced() {
      return synced;
    },
    start(to) {
      publish = (specs) => {
        if (!stopping.signal.aborted) to(specs);
      };
      loops = scopes.map((scope) => scope.run(stopping.signal));
    },
    async stop() {
      stopping.abort();
      publisher.stop();
      clearTimeout(publishAnyway);
      prober.stop();
      for (const scope of scopes) scope.stop();
      await Promise.all(loops);
      await access.close();
    },
    probe: (id) => prober.probeNow(id),
    status() {
      const contacts = scopes.map((scope) => scope.lastContact);
      const known = contacts.every((at) => at !== undefined);
      return {
        lastSyncAge: known ? now() - Math.min(...(contacts as number[])) : undefined,
        troubles: scopes.flatMap((scope) => scope.troubles),
      };
    },
    async setSleeping(id, sleeping) {
      const target = table.get(id);
      if (!target) return undefined;
      table.tell(id, sleeping);
      prober.probeNow(id);
      const fields = { backend: `${target.namespace}/${target.name}`, sleeping };
      try {
        const record = await retryPatch(
          () => patchSleepLabel(api, target, sleeping, limits, stopping.signal),
          (error) => observer.apiError?.(`${target.kind}s`, 'patch', error.code),
          stopping.signal,
        );
        if (record === 'memory')
          log.info(fields, 'discovery: the Role gives no patch; only this router knows who sleeps');
        return record;
      } catch (error) {
        if (!stopping.signal.aborted)
          log.warn({ ...fields, err: error }, 'discovery: sleep label could not be written');
        return 'memory';
      }
    },
  };
}
