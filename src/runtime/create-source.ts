import type { BackendRegistry } from '../backends/registry.ts';
import type { Secret, SourceConfig } from '../config/config.ts';
import type { KubernetesObserver } from '../discovery/kubernetes/observer.ts';
import { createKubernetesSource } from '../discovery/kubernetes/source.ts';
import type { Source } from '../discovery/source.ts';
import { createStaticSource } from '../discovery/static.ts';
import type { Log } from '../log.ts';
import type { DiscoveryCounters } from '../stats/discovery-counters.ts';

export interface SourceDeps {
  readonly resolveSecret: (secret: Secret) => string | undefined;
  readonly registry: BackendRegistry;
  readonly log: Log;
  readonly counters: DiscoveryCounters;
}

/** The source that the config describes. Throws where it cannot be built. */
export function createSource(config: SourceConfig, deps: SourceDeps): Source {
  const onProbeFailure = (backend: string, error: Error, failures: number) => {
    // The first failure is news; then each tenth, since a backend may be down for days.
    if (failures === 1 || failures % 10 === 0) {
      deps.log.warn({ source: config.name, backend, failures, err: error }, 'backend does not list its models');
    }
  };
  const onProbeRecovered = (backend: string) =>
    deps.log.info({ source: config.name, backend }, 'backend lists its models again');
  const { resolveSecret, registry, log } = deps;
  const known = (id: string) => registry.get(id)?.spec;
  if (config.type === 'k8s') {
    const observer = observerOf(config.name, deps.counters);
    return createKubernetesSource(config, { resolveSecret, log, observer, known, onProbeFailure, onProbeRecovered });
  }
  return createStaticSource(config, { resolveSecret, known, onProbeFailure, onProbeRecovered });
}

/** Counts what the watches of one source do. */
function observerOf(source: string, { events, relists, apiErrors }: DiscoveryCounters): KubernetesObserver {
  return {
    listed: (resource, reason) => relists.inc(source, resource, reason),
    event: (resource, type) => events.inc(source, resource, type),
    apiError: (resource, verb, code) => apiErrors.inc(source, resource, verb, String(code)),
  };
}
