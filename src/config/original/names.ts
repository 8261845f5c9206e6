/** The settings of the original router that we understand: flags by these names, keys of its dynamic config with underscores. */
export const SUPPORTED: readonly string[] = [
  ...['host', 'port', 'log-level', 'log-format'],
  ...['service-discovery', 'k8s-service-discovery-type', 'k8s-port', 'k8s-namespace', 'k8s-label-selector'],
  ...['static-backends', 'static-models', 'static-model-labels', 'static-aliases'],
  ...['static-backend-health-checks', 'static-backend-health-check-interval'],
  ...['static-backend-health-check-timeout-seconds', 'max-instance-failover-reroute-attempts'],
  ...['routing-logic', 'session-key', 'loadaware-beta', 'prefill-model-labels', 'decode-model-labels'],
  ...['engine-stats-interval', 'request-stats-window', 'log-stats', 'log-stats-interval'],
  ...['otel-endpoint', 'otel-service-name', 'otel-secure'],
];

/** The old names, and ours. */
export const ROUTING_LOGIC: Readonly<Record<string, string>> = {
  roundrobin: 'round-robin',
  session: 'session',
  prefixaware: 'prefix-aware',
  kvaware: 'prefix-aware',
  loadaware: 'prefix-aware',
  disaggregated_prefill: 'disaggregated-prefill',
  disaggregated_prefill_orchestrated: 'disaggregated-prefill',
  'round-robin': 'round-robin',
  random: 'random',
  'power-of-two': 'power-of-two',
  'least-load': 'least-load',
  'prefix-aware': 'prefix-aware',
};

export const LOG_LEVELS: Readonly<Record<string, string>> = {
  critical: 'fatal',
  error: 'error',
  warning: 'warn',
  info: 'info',
  debug: 'debug',
  trace: 'trace',
};
