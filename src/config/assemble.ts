import { resolveAliases } from './aliases.ts';
import { splitBind } from './bind.ts';
import type {
  AlgorithmConfig,
  AuthConfig,
  Config,
  ListenerConfig,
  Policy,
  RouteConfig,
  SourceConfig,
  TracingConfig,
} from './config.ts';
import { algorithmDefaults } from './defaults.ts';
import type { Plain } from './tree.ts';
import { normaliseUrl } from './url.ts';

type Values = { readonly [key: string]: Plain };

/** Converted values of a valid document → the config that the rest of the program reads. Deep-frozen. */
export function assemble(document: Plain): Config {
  const { listeners, auth, discovery, models, routes, stats, logging, tracing, reload, shutdown } = document as Values;
  return deepFreeze({
    version: 1,
    listeners: mapValues(listeners, listener),
    auth: mapValues(auth, authentication),
    discovery: mapValues(discovery, source),
    models: { aliases: resolveAliases((models as Values)['aliases'] as Record<string, string>) },
    routes: (routes as Plain[]).map((item) => route(item as Values)),
    stats: stats as unknown as Config['stats'],
    logging: logging as unknown as Config['logging'],
    tracing: tracing === undefined ? undefined : tracingConfig(tracing as Values),
    reload: reload as unknown as Config['reload'],
    shutdown: shutdown as unknown as Config['shutdown'],
  });
}

function listener(name: string, { bind, ...rest }: Values): ListenerConfig {
  return { name, ...splitBind(String(bind))!, ...rest } as unknown as ListenerConfig;
}

function authentication(_: string, { models, ...rest }: Values): AuthConfig {
  return { ...rest, ...(models !== undefined && { models: named(models) }) } as unknown as AuthConfig;
}

function source(name: string, values: Values): SourceConfig {
  if (values['type'] === 'static') {
    const backends = (values['backends'] as Values[]).map((backend) => ({
      ...backend,
      url: normaliseUrl(String(backend['url']))!,
    }));
    return { ...values, name, backends } as unknown as SourceConfig;
  }
  const { namespace, namespaces, port, portName, portAnnotation, ...rest } = values;
  return {
    ...rest,
    name,
    namespaces: namespaces ?? [namespace],
    port: portName ? { name: portName } : portAnnotation ? { annotation: portAnnotation } : port,
  } as unknown as SourceConfig;
}

/** Where collectors take spans, unless the URL says so itself. */
const SPANS_PATH = '/v1/traces';

function tracingConfig({ endpoint, headers, ...rest }: Values): TracingConfig {
  const url = normaliseUrl(String(endpoint))!;
  return {
    ...rest,
    endpoint: url.endsWith(SPANS_PATH) ? url : url + SPANS_PATH,
    headers: named(headers),
  } as unknown as TracingConfig;
}

function route({ match, algorithm, shadow, ...rest }: Values): RouteConfig {
  const { models, headers } = match as Values;
  return {
    ...(rest as unknown as Omit<RouteConfig, 'match' | 'algorithm' | 'shadow'>),
    match: { models: (models ?? []) as string[], headers: lowerKeys(headers as Record<string, string>) },
    algorithm: algorithmConfig(algorithm as Values),
    shadow: (shadow as Values[]).map(algorithmConfig),
  };
}

/** `otherwise: least-load` names an algorithm that needs nothing said; roles hold whole ones. */
function algorithmConfig(values: Values): Policy['algorithm'] {
  const otherwise = values['otherwise'];
  const role = (name: 'prefill' | 'decode') => {
    const { algorithm, ...rest } = values[name] as Values;
    return { ...rest, algorithm: algorithmConfig(algorithm as Values) };
  };
  switch (values['type']) {
    case 'session':
      return { bounded: 0, ...values, otherwise: plainAlgorithm(String(otherwise)) } as unknown as AlgorithmConfig;
    case 'prefix-aware':
      return { ...values, otherwise: plainAlgorithm(String(otherwise)) } as unknown as AlgorithmConfig;
    case 'disaggregated-prefill':
      return { ...values, prefill: role('prefill'), decode: role('decode') } as unknown as AlgorithmConfig;
    default:
      return values as unknown as AlgorithmConfig;
  }
}

function plainAlgorithm(type: string): AlgorithmConfig {
  return algorithmConfig(algorithmDefaults(type));
}

function mapValues<T>(values: Plain | undefined, build: (name: string, value: Values) => T): Record<string, T> {
  return named(
    Object.fromEntries(Object.entries(values as Values).map(([name, value]) => [name, build(name, value as Values)])),
  );
}

/** Without a prototype: a client that asks for the model `constructor` must find nothing. */
function named<T>(values: T): T {
  return Object.assign(Object.create(null), values) as T;
}

function lowerKeys(values: Record<string, string>): Record<string, string> {
  return named(Object.fromEntries(Object.entries(values).map(([key, value]) => [key.toLowerCase(), value])));
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
