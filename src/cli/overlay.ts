import type { OverlayEntry } from '../config/overlay.ts';
import { parseValue } from '../config/parse.ts';
import { parsePath } from '../config/path.ts';
import { csv } from './csv.ts';
import { FlagError } from './flag-error.ts';
import { FLAGS, LOG_LEVELS, ROUTING_LOGIC } from './flags.ts';
import type { ParsedOptions } from './options.ts';
import { staticAliases, staticSource } from './static-flags.ts';

/** What the flags write into the document, and what is to be said about those that write nothing. */
export interface FlagResult {
  readonly overlay: readonly OverlayEntry[];
  /** To be logged once at start. */
  readonly notices: readonly string[];
}

type Values = ReadonlyMap<string, string>;
type Write = (path: (string | number)[], value: unknown, flag: string, half?: 'host' | 'port') => void;

/** The flags as an overlay on the file. Throws FlagError. */
export function flagOverlay({ values, repeated }: ParsedOptions): FlagResult {
  const overlay: OverlayEntry[] = [];
  const write: Write = (path, value, flag, half) => {
    overlay.push({ path, value, origin: 'flag', flag: `--${flag}`, ...(half && { half }) });
  };
  const notices: string[] = [];
  refuse(values);
  required(values);
  for (const half of ['host', 'port'] as const) {
    if (values.has(half)) write(['listeners', 'public', 'bind'], values.get(half), half, half);
  }
  source(values, write);
  staticAliases(values, write);
  algorithm(values, write, notices);
  policies(values, write);
  stats(values, write);
  for (const { value } of repeated) set(value, write);
  for (const { name, unused } of FLAGS) {
    const value = values.get(name);
    if (unused !== undefined && value !== undefined && value !== '') notices.push(`--${name} has no effect: ${unused}`);
  }
  return { overlay, notices };
}

function refuse(values: Values): void {
  for (const { name, refused } of FLAGS) {
    const value = values.get(name);
    if (refused === undefined || value === undefined || value === '') continue;
    if (name === 'request-rewriter' && value === 'noop') continue;
    throw new FlagError(`--${name} is not supported: ${refused}`);
  }
  const gate = /(?:^|,)\s*([^,=]+)=true\s*(?:,|$)/i.exec(values.get('feature-gates') ?? '')?.[1];
  if (gate !== undefined) {
    throw new FlagError(`--feature-gates: ${gate} is not supported; put a proxy in front that does this`);
  }
  for (const name of ['sentry-traces-sample-rate', 'sentry-profile-session-sample-rate']) {
    const rate = Number(values.get(name) ?? 0);
    if (rate < 0 || rate > 1) throw new FlagError(`--${name} must be between 0 and 1`);
  }
  if (values.get('service-discovery') === 'external-only') {
    throw new FlagError(
      '--service-discovery external-only is not supported: list the provider under discovery as a static backend with its url, models and apiKey',
    );
  }
}

/** The file says these; without one the original insists on them. */
function required(values: Values): void {
  if (values.has('config')) return;
  for (const name of ['routing-logic', 'service-discovery']) {
    if (values.has(name)) continue;
    throw new FlagError(`--${name} is required without --config`);
  }
}

function source(values: Values, write: Write): void {
  const kubernetes = ['k8s-service-discovery-type', 'k8s-port', 'k8s-namespace', 'k8s-label-selector'];
  const type =
    values.get('service-discovery') ??
    (values.has('static-backends') || values.has('static-models')
      ? 'static'
      : kubernetes.some((name) => values.has(name))
        ? 'k8s'
        : undefined);
  const flag = values.has('service-discovery') ? 'service-discovery' : type === 'static' ? 'static-backends' : 'k8s-*';
  if (type !== undefined) write(['discovery', 'cli', 'type'], type, flag);
  if (type === 'static') staticSource(values, write);
  if (type !== 'k8s') return;
  // Helm and the operator may pass any of these empty, which is as good as not at all.
  const mode = values.get('k8s-service-discovery-type');
  if (mode) write(['discovery', 'cli', 'mode'], mode, 'k8s-service-discovery-type');
  const namespace = values.get('k8s-namespace');
  if (namespace) write(['discovery', 'cli', 'namespace'], namespace, 'k8s-namespace');
  if (values.has('k8s-port')) write(['discovery', 'cli', 'port'], Number(values.get('k8s-port')), 'k8s-port');
  const selector = values.get('k8s-label-selector');
  if (selector !== undefined) write(['discovery', 'cli', 'labelSelector'], selector, 'k8s-label-selector');
}

function algorithm(values: Values, write: Write, notices: string[]): void {
  const logic = values.get('routing-logic');
  const key = values.get('session-key');
  if (logic === undefined) {
    if (key !== undefined) write(['defaults', 'algorithm', 'key'], key, 'session-key');
    return;
  }
  const type = ROUTING_LOGIC[logic]!;
  write(['defaults', 'algorithm'], { type }, 'routing-logic');
  if (type === 'session') {
    if (!key) throw new FlagError('--routing-logic session needs --session-key');
    write(['defaults', 'algorithm', 'key'], key, 'session-key');
  } else if (key) notices.push(`--session-key has no effect with --routing-logic ${logic}`);
  if (logic === 'kvaware' || logic === 'loadaware') {
    notices.push(
      `--routing-logic ${logic} is prefix-aware here: prefixes are learnt from the traffic, LMCache is not asked`,
    );
  }
  if (type !== 'disaggregated-prefill') return;
  const form = logic === 'disaggregated_prefill' ? 'max-tokens' : 'kv-transfer';
  write(['defaults', 'algorithm', 'form'], form, 'routing-logic');
  for (const role of ['prefill', 'decode']) {
    const flag = `${role}-model-labels`;
    const labels = csv(values.get(flag));
    if (labels.length === 0) throw new FlagError(`--routing-logic ${logic} needs --${flag}`);
    write(['defaults', 'algorithm', role, 'where'], roleLabels(role, labels, values), flag);
  }
}

/** One label selects by itself; several need the static backends to carry their role. */
function roleLabels(role: string, labels: readonly string[], values: Values): Record<string, string> {
  if (labels.length === 1) return { model: labels[0]! };
  if (values.get('service-discovery') === 'static') return { role };
  throw new FlagError(
    `--${role}-model-labels takes one label with k8s: give the pods a label of their own and select it in a router.yaml`,
  );
}

function policies(values: Values, write: Write): void {
  const checks = 'static-backend-health-checks';
  const interval = `static-backend-health-check-interval`;
  const timeout = 'static-backend-health-check-timeout-seconds';
  if (values.has(checks)) {
    write(['defaults', 'health', 'interval'], '60s', checks);
    write(['defaults', 'health', 'timeout'], '10s', checks);
  }
  seconds(values, interval, ['defaults', 'health', 'interval'], write);
  seconds(values, timeout, ['defaults', 'health', 'timeout'], write);
  const attempts = values.get('max-instance-failover-reroute-attempts');
  if (attempts !== undefined) {
    write(['defaults', 'retry', 'attempts'], Number(attempts), 'max-instance-failover-reroute-attempts');
  }
}

function stats(values: Values, write: Write): void {
  seconds(values, 'engine-stats-interval', ['stats', 'engine', 'interval'], write);
  seconds(values, 'request-stats-window', ['stats', 'window'], write);
  if (values.has('log-stats')) write(['stats', 'log', 'every'], '30s', 'log-stats');
  // Without --log-stats the original ignores it.
  if (values.has('log-stats') || values.has('config'))
    seconds(values, 'log-stats-interval', ['stats', 'log', 'every'], write);
  const level = values.get('log-level');
  if (level !== undefined) write(['logging', 'level'], LOG_LEVELS[level], 'log-level');
  if (values.has('log-format')) write(['logging', 'format'], values.get('log-format'), 'log-format');
}

function seconds(values: Values, name: string, path: string[], write: Write): void {
  const value = values.get(name);
  if (value === undefined) return;
  const amount = Number(value);
  if (amount <= 0) throw new FlagError(`--${name} must be greater than 0`);
  write(path, `${amount}s`, name);
}

function set(text: string, write: Write): void {
  const equals = text.indexOf('=');
  const path = equals < 0 ? undefined : parsePath(text.slice(0, equals));
  if (!path) throw new FlagError(`argument --set: expected PATH=VALUE, got '${text}'`, true);
  const value = parseValue(text.slice(equals + 1));
  if (value === undefined) throw new FlagError(`argument --set: '${text.slice(equals + 1)}' is not valid YAML`, true);
  write([...path], value, `set ${text.slice(0, equals)}`);
}
