import type { Secret, StaticBackendConfig, StaticSourceConfig } from '../config/config.ts';
import { ModelProber } from './model-prober.ts';
import type { BackendSpec, ModelCard, Publish, Source } from './source.ts';
import { uuid5 } from './uuid5.ts';

/** ms; an engine answers its model list in 2 ms, and the prober asks again. */
const PROBE_TIMEOUT = 5000;

export interface StaticSourceDeps {
  /** The key as it is now; undefined when it cannot be read. */
  readonly resolveSecret: (secret: Secret) => string | undefined;
  /** The backend as it was listed before a reload: models it found hold until the backend answers again. */
  readonly known?: (id: string) => BackendSpec | undefined;
  readonly onProbeFailure?: (url: string, error: Error, failures: number) => void;
  readonly onProbeRecovered?: (url: string) => void;
  /** Epoch ms, for `created` only. */
  readonly now?: () => number;
}

/**
 * The backends listed in the config. All of them are published at once; one whose models are not given gets no request
 * until it has answered /v1/models, which it is asked for as long as it is listed.
 */
export function createStaticSource(config: StaticSourceConfig, deps: StaticSourceDeps): Source {
  const created = Math.floor((deps.now ?? Date.now)() / 1000);
  const specs = new Map<string, BackendSpec>();
  for (const backend of config.backends) {
    const known = deps.known?.(backend.url);
    const models = backend.models ? givenCards(backend.models, known?.models, created) : (known?.models ?? []);
    // Hashing a thousand names takes 4 ms.
    const engineId = known?.engineId ?? uuid5(backend.url);
    specs.set(backend.url, toSpec(config.name, backend, engineId, models));
  }
  let publish: Publish = () => {};
  let synced = false;

  const prober = new ModelProber({
    refresh: config.refresh,
    timeout: PROBE_TIMEOUT,
    onCards(id, models) {
      specs.set(id, { ...specs.get(id)!, models });
      publish([...specs.values()]);
    },
    onFailure: (id, error, failures) => deps.onProbeFailure?.(id, error, failures),
    onRecovered: (id) => deps.onProbeRecovered?.(id),
  });

  return {
    name: config.name,
    get synced() {
      return synced;
    },
    start(to) {
      publish = to;
      synced = true;
      publish([...specs.values()]);
      for (const { url, models, apiKey } of config.backends) {
        if (models) continue;
        const authorization = () => {
          const key = apiKey && deps.resolveSecret(apiKey);
          return key === undefined ? undefined : `Bearer ${key}`;
        };
        prober.watch({ id: url, url, authorization });
      }
    },
    probe: (id) => prober.probeNow(id),
    async stop() {
      prober.stop();
    },
  };
}

function toSpec(
  source: string,
  backend: StaticBackendConfig,
  engineId: string,
  models: readonly ModelCard[],
): BackendSpec {
  return {
    id: backend.url,
    engineId,
    name: backend.url,
    url: backend.url,
    source,
    labels: backend.labels,
    weight: backend.weight,
    ...(backend.apiKey && { apiKey: backend.apiKey }),
    models,
    terminating: false,
    sleeping: false,
  };
}

/** Clients see when a model appeared, so a reload keeps what was said before. */
function givenCards(
  names: readonly string[],
  known: readonly ModelCard[] | undefined,
  created: number,
): readonly ModelCard[] {
  return names.map((id) => ({
    id,
    object: 'model',
    created: known?.find((card) => card.id === id)?.created ?? created,
    owned_by: 'vllm',
    root: null,
    parent: null,
  }));
}
