/**
 * The effective configuration: what the YAML file and the flags say, checked, with every default filled in, durations in
 * milliseconds and sizes in bytes. Deep-frozen; nothing below `config/` ever sees the raw file.
 */
export interface Config {
  readonly version: 1;
  readonly listeners: Readonly<Record<string, ListenerConfig>>;
  readonly auth: Readonly<Record<string, AuthConfig>>;
  readonly discovery: Readonly<Record<string, SourceConfig>>;
  readonly models: { readonly aliases: Readonly<Record<string, string>> };
  /** In file order; each already carries every policy, merged from `defaults`. */
  readonly routes: readonly RouteConfig[];
  readonly stats: StatsConfig;
  readonly logging: LoggingConfig;
  /** Undefined: nothing is traced. */
  readonly tracing: TracingConfig | undefined;
  readonly reload: ReloadConfig;
  readonly shutdown: ShutdownConfig;
}

export type Service = 'openai' | 'health' | 'metrics' | 'admin' | 'sleep';

export interface ListenerConfig {
  readonly name: string;
  /** Host without brackets; the empty string is never used. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly serve: readonly Service[];
  /** Name in `auth`, or absent for an open listener. */
  readonly auth?: string;
  /** Bytes. */
  readonly maxBodySize: number;
  /** Clients may ask why their request went where it went. */
  readonly allowExplain: boolean;
  /** Prefix that a proxy in front has stripped already; only `/openapi.json`-like self references use it. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** A secret is never a string in the config: it names where to read it. */
export type Secret = { readonly env: string } | { readonly file: string };

export interface AuthConfig {
  readonly type: 'api-key';
  readonly keys: Secret;
  /**
   * Key's name → exact names or globs of models, never empty; `*` stands for the keys that are not named, which may otherwise use
   * none. Absent: every key may use every model.
   */
  readonly models?: Readonly<Record<string, readonly string[]>>;
}

export type SourceConfig = StaticSourceConfig | KubernetesSourceConfig;

export interface StaticSourceConfig {
  readonly type: 'static';
  readonly name: string;
  readonly backends: readonly StaticBackendConfig[];
  /** How often `/v1/models` is asked again of a backend whose models are not given, ms. */
  readonly refresh: number;
}

export interface StaticBackendConfig {
  /** Normalised: scheme, authority, optional path prefix, no trailing slash. */
  readonly url: string;
  /** Absent: ask the backend's /v1/models. */
  readonly models?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
  readonly apiKey?: Secret;
}

export interface KubernetesSourceConfig {
  readonly type: 'k8s';
  readonly name: string;
  readonly mode: 'pod-ip' | 'service-name';
  readonly namespaces: readonly string[];
  readonly labelSelector: string;
  /** A number, a named container port, or an annotation that holds either. */
  readonly port: number | { readonly name: string } | { readonly annotation: string };
  readonly protocol: 'http' | 'https';
  readonly apiKey?: Secret;
  /** ms */
  readonly resync: number;
  /** ms that the last list is served while the API server cannot be reached; 0 = for ever. */
  readonly keepLastKnown: number;
  /** How often each pod's `/v1/models` is asked again, ms. */
  readonly refresh: number;
}

export interface RouteConfig extends Policy {
  readonly name: string;
  readonly match: {
    /** Exact names or globs (`*` any run of characters, `?` one); empty = every model. After aliases. */
    readonly models: readonly string[];
    /** Lower-case header name → exact value or glob. */
    readonly headers: Readonly<Record<string, string>>;
  };
  readonly backends: { readonly from: readonly string[]; readonly where: Readonly<Record<string, string>> };
  /** Names of routes tried, in order, when no backend of this one can serve. */
  readonly fallback: readonly string[];
  /** Algorithms that pick as well, without sending. */
  readonly shadow: readonly AlgorithmConfig[];
}

/** What a route inherits from `defaults` and may override. */
export interface Policy {
  readonly algorithm: AlgorithmConfig;
  /** ms; 0 = no limit. */
  readonly timeouts: {
    readonly connect: number;
    readonly firstByte: number;
    readonly idle: number;
    readonly total: number;
  };
  readonly retry: { readonly attempts: number; readonly statuses: readonly number[]; readonly budget: number };
  readonly health: HealthConfig;
  readonly circuitBreaker: CircuitBreakerConfig;
  readonly limits: LimitsConfig;
}

export interface HealthConfig {
  readonly path: string;
  /** ms; 0 = no active checks. */
  readonly interval: number;
  readonly timeout: number;
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
}

export interface CircuitBreakerConfig {
  readonly failures: number;
  readonly openFor: number;
  readonly maxOpenFor: number;
  readonly maxEjected: number;
}

export interface LimitsConfig {
  /** 0 = no limit. */
  readonly inflightPerBackend: number;
  readonly queue: number;
  readonly queueTimeout: number;
}

/** Discriminated by `type`; the fields of each are in the algorithm's own file and in the schema. */
export type AlgorithmConfig =
  | { readonly type: 'round-robin' }
  | { readonly type: 'random' }
  | { readonly type: 'power-of-two' }
  | { readonly type: 'least-load' }
  | SessionConfig
  | PrefixAwareConfig
  | DisaggregatedPrefillConfig;

export interface SessionConfig {
  readonly type: 'session';
  /** Exactly one of the three names where the session key is read; `key` is the original's rule: header, else body field. */
  readonly header?: string;
  readonly cookie?: string;
  readonly bodyField?: string;
  readonly key?: string;
  /** Consistent hashing with bounded loads, e.g. 1.25; 0 = plain ring. */
  readonly bounded: number;
  readonly otherwise: AlgorithmConfig;
}

export interface PrefixAwareConfig {
  readonly type: 'prefix-aware';
  /** Bytes the index may hold. */
  readonly indexSize: number;
  /** What waits at a backend against what it has cached; absent: 1. */
  readonly loadWeight?: number;
  readonly otherwise: AlgorithmConfig;
}

export interface DisaggregatedPrefillConfig {
  readonly type: 'disaggregated-prefill';
  readonly form: 'max-tokens' | 'kv-transfer';
  readonly prefill: RoleConfig;
  readonly decode: RoleConfig;
}

export interface RoleConfig {
  /** Beside the route's own. */
  readonly where: Readonly<Record<string, string>>;
  readonly algorithm: AlgorithmConfig;
}

export interface StatsConfig {
  readonly prometheus: { readonly path: string; readonly maxModels: number };
  /** ms */
  readonly engine: { readonly interval: number; readonly timeout: number; readonly staleAfter: number };
  /** Sliding window of QPS, TTFT and latencies, ms. */
  readonly window: number;
  /** Absent: no periodic table. */
  readonly log?: { readonly every: number };
}

export interface LoggingConfig {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly format: 'json' | 'text';
  readonly access: boolean;
  /** A line for each attempt, as the original router writes it. */
  readonly routing: boolean;
}

export interface TracingConfig {
  /** Normalised; the path that spans are posted to. */
  readonly endpoint: string;
  /** 0 to 1, of the requests that come without a trace. */
  readonly sampleRatio: number;
  readonly serviceName: string;
  /** Header's name → its value. */
  readonly headers: Readonly<Record<string, Secret>>;
}

export interface ReloadConfig {
  readonly watch: boolean;
  /** ms */
  readonly debounce: number;
  readonly poll: number;
  /** How long a removed backend's open requests may go on, ms. */
  readonly drain: number;
}

export interface ShutdownConfig {
  /** ms between "not ready" and closing the listeners. */
  readonly delay: number;
  readonly drain: number;
}
