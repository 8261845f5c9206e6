import type { Option } from './options.ts';

/** A documented flag: an option, and what becomes of it. */
export interface Flag extends Option {
  readonly group: string;
  /** The one config path that it writes, as people read it. */
  readonly path?: string;
}

/** Flags that help only names. */
export const COMPATIBILITY = 'Compatibility';

/** Flags of the original router that have no counterpart here; what becomes of each is in `config/original/unsupported.ts`. */
export const COMPATIBILITY_FLAGS: readonly Flag[] = [
  {
    name: 'k8s-watcher-timeout-seconds',
    kind: 'int',
    value: 'N',
    group: COMPATIBILITY,
  },
  {
    name: 'backend-health-check-timeout-seconds',
    kind: 'int',
    value: 'N',
    group: COMPATIBILITY,
  },
  {
    name: 'prefix-min-match-length',
    kind: 'int',
    value: 'N',
    group: COMPATIBILITY,
  },
  { name: 'kv-aware-threshold', kind: 'int', value: 'N', group: COMPATIBILITY },
  { name: 'lmcache-controller-port', kind: 'int', value: 'PORT', group: COMPATIBILITY },
  {
    name: 'lmcache-controller-reply-port',
    kind: 'int',
    value: 'PORT',
    group: COMPATIBILITY,
  },
  {
    name: 'lmcache-controller-heartbeat-port',
    kind: 'int',
    value: 'PORT',
    group: COMPATIBILITY,
  },
  {
    name: 'lmcache-health-check-interval',
    kind: 'int',
    value: 'N',
    group: COMPATIBILITY,
  },
  { name: 'lmcache-worker-timeout', kind: 'int', value: 'N', group: COMPATIBILITY },
  {
    name: 'external-providers-config',
    kind: 'text',
    value: 'FILE',
    group: COMPATIBILITY,
  },
  {
    name: 'callbacks',
    kind: 'text',
    value: 'MODULE',
    group: COMPATIBILITY,
  },
  {
    name: 'request-rewriter',
    kind: 'text',
    value: 'NAME',
    default: 'noop',
    group: COMPATIBILITY,
  },
  {
    name: 'enable-batch-api',
    kind: 'switch',
    group: COMPATIBILITY,
  },
  {
    name: 'file-storage-class',
    kind: 'text',
    value: 'NAME',
    group: COMPATIBILITY,
  },
  {
    name: 'file-storage-path',
    kind: 'text',
    value: 'DIR',
    group: COMPATIBILITY,
  },
  {
    name: 'batch-processor',
    kind: 'text',
    value: 'NAME',
    group: COMPATIBILITY,
  },
  {
    name: 'feature-gates',
    kind: 'text',
    value: 'A=true,…',
    group: COMPATIBILITY,
  },
  { name: 'semantic-cache-model', kind: 'text', value: 'NAME', group: COMPATIBILITY },
  { name: 'semantic-cache-dir', kind: 'text', value: 'DIR', group: COMPATIBILITY },
  { name: 'semantic-cache-threshold', kind: 'float', value: 'X', group: COMPATIBILITY },
  { name: 'sentry-dsn', kind: 'text', value: 'URL', group: COMPATIBILITY },
  { name: 'sentry-traces-sample-rate', kind: 'float', value: 'X', group: COMPATIBILITY },
  {
    name: 'sentry-profile-session-sample-rate',
    kind: 'float',
    value: 'X',
    group: COMPATIBILITY,
  },
];
