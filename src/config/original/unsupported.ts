/** What becomes of a setting that has no counterpart here. */
export interface Unsupported {
  /** It is accepted and does nothing; this is said once at start when it is given. */
  readonly unused?: string;
  /** It cannot be supported; starting fails with this, which says what to use instead. */
  readonly refused?: string;
}

const NO_LMCACHE = 'LMCache is not asked: prefixes are learnt from the traffic';
const NO_SENTRY = 'errors are not sent to Sentry; use the log and /metrics';
const NO_CACHE = 'there is no semantic cache, and its gate is off';
const NO_PYTHON = 'it names Python code, which does not run here';

/** By the name of the flag; a dynamic config writes it with underscores. */
export const UNSUPPORTED: Readonly<Record<string, Unsupported>> = {
  'k8s-watcher-timeout-seconds': { unused: 'the watch is renewed by itself' },
  'backend-health-check-timeout-seconds': { unused: 'use --set defaults.health.timeout=10s' },
  'prefix-min-match-length': { unused: 'prefix-aware weighs a match against the load and needs no threshold' },
  'kv-aware-threshold': { unused: NO_LMCACHE },
  'lmcache-controller-port': { unused: NO_LMCACHE },
  'lmcache-controller-reply-port': { unused: NO_LMCACHE },
  'lmcache-controller-heartbeat-port': { unused: NO_LMCACHE },
  'lmcache-health-check-interval': { unused: NO_LMCACHE },
  'lmcache-worker-timeout': { unused: NO_LMCACHE },
  'external-providers-config': {
    refused: 'list the provider under discovery as a static backend with its url, models and apiKey',
  },
  callbacks: { refused: `${NO_PYTHON}; put a proxy in front for it` },
  'request-rewriter': { refused: `${NO_PYTHON}; models.aliases renames models` },
  'enable-batch-api': { refused: 'the Files and Batches API is not served; send the requests one by one' },
  'file-storage-class': { unused: 'no files are stored' },
  'file-storage-path': { unused: 'no files are stored' },
  'batch-processor': { unused: 'there are no batches' },
  'feature-gates': { unused: 'there are no gated features' },
  'semantic-cache-model': { unused: NO_CACHE },
  'semantic-cache-dir': { unused: NO_CACHE },
  'semantic-cache-threshold': { unused: NO_CACHE },
  'sentry-dsn': { refused: NO_SENTRY },
  'sentry-traces-sample-rate': { unused: NO_SENTRY },
  'sentry-profile-session-sample-rate': { unused: NO_SENTRY },
  'root-path': { unused: 'a prefix that the proxy in front has stripped needs no setting' },
  'static-model-types': { unused: 'health is asked at /health, whatever the type of the model' },
};
