import type { BackendRegistry } from '../backends/registry.ts';
import type { Secret, SourceConfig } from '../config/config.ts';
import type { Source } from '../discovery/source.ts';
import { createStaticSource } from '../discovery/static.ts';
import type { Log } from '../log.ts';

export interface SourceDeps {
  readonly resolveSecret: (secret: Secret) => string | undefined;
  readonly registry: BackendRegistry;
  readonly log: Log;
}

/** The source that the config describes. Throws where it cannot be built. */
export function createSource(config: SourceConfig, deps: SourceDeps): Source {
  if (config.type !== 'static') throw new Error(`source "${config.name}": type "${config.type}" is not supported`);
  return createStaticSource(config, {
    resolveSecret: deps.resolveSecret,
    knownModels: (id) => deps.registry.get(id)?.spec.models,
    onProbeFailure(url, error, failures) {
      // The first failure is news; then each tenth, since a backend may be down for days.
      if (failures === 1 || failures % 10 === 0) {
        deps.log.warn({ source: config.name, backend: url, failures, err: error }, 'backend does not list its models');
      }
    },
  });
}
