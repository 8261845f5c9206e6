import type { Option } from './options.ts';

/** A documented flag: an option, and what becomes of it. */
export interface Flag extends Option {
  readonly group: string;
  /** The one config path that it writes, as people read it. */
  readonly path?: string;
  /** It is accepted and does nothing; this is said once at start when it is given. */
  readonly unused?: string;
  /** It cannot be supported; starting fails with this, which says what to use instead. */
  readonly refused?: string;
}

/** Flags that help only names. */
export const COMPATIBILITY = 'Compatibility';

const NO_LMCACHE = 'LMCache is not asked: prefixes are learnt from the traffic';
const NO_SENTRY = 'errors are not sent to Sentry; use the log and /metrics';
const NO_CACHE = 'there is no semantic cache, and its gate is off';

/** Flags of the original router that have no counterpart here: each says what becomes of it. */
export const COMPATIBILITY_FLAGS: readonly Flag[] = [
  {
    name: 'k8s-watcher-timeout-seconds',
    kind: 'int',
    value: 'N',
    group: COMPATIBILITY,
    unused: 'the watch is renewed by itself',
  },
  {
    name: 'backend-health-check-timeout-seconds',
    kind: 'int',
    value: 'N',
    group: COMPATIBILITY,
    unused: 'use --set defaults.health.timeout=10s',
  },
  {
    name: 'prefix-min-match-length',
    kind: 'int',
    value: 'N',
    group: COMPATIBILITY,
    unused: 'prefix-aware weighs a match against the load and needs no threshold',
  },
  { name: 'kv-aware-threshold', kind: 'int', value: 'N', group: COMPATIBILITY, unused: NO_LMCACHE },
  {
    name: 'loadaware-beta',
    kind: 'float',
    value: 'X',
    group: COMPATIBILITY,
    unused: 'prefix-aware weighs a match against the load by itself',
  },
  { name: 'lmcache-controller-port', kind: 'int', value: 'PORT', group: COMPATIBILITY, unused: NO_LMCACHE },
  {
    name: 'lmcache-controller-reply-port',
    kind: 'int',
    value: 'PORT',
    group: COMPATIBILITY,
    unused: NO_LMCACHE,
  },
  {
    name: 'lmcache-controller-heartbeat-port',
    kind: 'int',
    value: 'PORT',
    group: COMPATIBILITY,
    unused: NO_LMCACHE,
  },
  {
    name: 'lmcache-health-check-interval',
    kind: 'int',
    value: 'N',
    group: COMPATIBILITY,
    unused: NO_LMCACHE,
  },
  { name: 'lmcache-worker-timeout', kind: 'int', value: 'N', group: COMPATIBILITY, unused: NO_LMCACHE },
  {
    name: 'dynamic-config-yaml',
    kind: 'text',
    value: 'FILE',
    group: COMPATIBILITY,
    refused: 'write its settings to a router.yaml and name that with --config',
  },
  {
    name: 'dynamic-config-json',
    kind: 'text',
    value: 'FILE',
    group: COMPATIBILITY,
    refused: 'write its settings to a router.yaml and name that with --config',
  },
  {
    name: 'external-providers-config',
    kind: 'text',
    value: 'FILE',
    group: COMPATIBILITY,
    refused: 'list the provider under discovery as a static backend with its url, models and apiKey',
  },
  {
    name: 'callbacks',
    kind: 'text',
    value: 'MODULE',
    group: COMPATIBILITY,
    refused: 'it names Python code, which does not run here; put a proxy in front for it',
  },
  {
    name: 'request-rewriter',
    kind: 'text',
    value: 'NAME',
    default: 'noop',
    group: COMPATIBILITY,
    refused: 'it names Python code, which does not run here; models.aliases renames models',
  },
  {
    name: 'enable-batch-api',
    kind: 'switch',
    group: COMPATIBILITY,
    refused: 'the Files and Batches API is not served; send the requests one by one',
  },
  {
    name: 'file-storage-class',
    kind: 'text',
    value: 'NAME',
    group: COMPATIBILITY,
    unused: 'no files are stored',
  },
  {
    name: 'file-storage-path',
    kind: 'text',
    value: 'DIR',
    group: COMPATIBILITY,
    unused: 'no files are stored',
  },
  {
    name: 'batch-processor',
    kind: 'text',
    value: 'NAME',
    group: COMPATIBILITY,
    unused: 'there are no batches',
  },
  {
    name: 'feature-gates',
    kind: 'text',
    value: 'A=true,…',
    group: COMPATIBILITY,
    unused: 'there are no gated features',
  },
  { name: 'semantic-cache-model', kind: 'text', value: 'NAME', group: COMPATIBILITY, unused: NO_CACHE },
  { name: 'semantic-cache-dir', kind: 'text', value: 'DIR', group: COMPATIBILITY, unused: NO_CACHE },
  { name: 'semantic-cache-threshold', kind: 'float', value: 'X', group: COMPATIBILITY, unused: NO_CACHE },
  { name: 'sentry-dsn', kind: 'text', value: 'URL', group: COMPATIBILITY, refused: NO_SENTRY },
  { name: 'sentry-traces-sample-rate', kind: 'float', value: 'X', group: COMPATIBILITY, unused: NO_SENTRY },
  {
    name: 'sentry-profile-session-sample-rate',
    kind: 'float',
    value: 'X',
    group: COMPATIBILITY,
    unused: NO_SENTRY,
  },
  {
    name: 'otel-endpoint',
    kind: 'text',
    value: 'HOST:PORT',
    group: COMPATIBILITY,
    unused: 'traces are not exported yet',
  },
  {
    name: 'otel-service-name',
    kind: 'text',
    value: 'NAME',
    group: COMPATIBILITY,
    unused: 'traces are not exported yet',
  },
  { name: 'otel-secure', kind: 'switch', group: COMPATIBILITY, unused: 'traces are not exported yet' },
];
