import type { OverlayEntry } from '../overlay.ts';
import type { Origin } from '../tree.ts';
import { csv } from './csv.ts';
import { LOG_LEVELS, ROUTING_LOGIC } from './names.ts';
import { SettingError } from './setting-error.ts';
import { staticAliases, staticSource } from './static-settings.ts';
import { tracing } from './tracing-settings.ts';
import { UNSUPPORTED } from './unsupported.ts';

/** What the settings write into the document, and what is to be said about those that write nothing. */
export interface SettingsResult {
  readonly overlay: readonly OverlayEntry[];
  readonly notices: readonly { readonly setting: string; readonly message: string }[];
}

/** Settings by the name of their flag, without dashes at the start; switches are `true`. */
export type Values = ReadonlyMap<string, string>;
export type Write = (path: (string | number)[], value: unknown, setting: string, half?: 'host' | 'port') => void;
export type Notice = (setting: string, message: string) => void;

/**
 * The original router's settings, from its flags or its dynamic config, as an overlay. `complete`: they make a whole document,
 * without a file of ours below. `origin` tells where a setting stands, when that is not a flag. Throws SettingError.
 */
export function settingsOverlay(
  values: Values,
  complete: boolean,
  origin?: (setting: string) => Origin,
): SettingsResult {
  const overlay: OverlayEntry[] = [];
  const notices: { setting: string; message: string }[] = [];
  const write: Write = (path, value, setting, half) => {
    overlay.push({
      path,
      value,
      origin: 'flag',
      flag: `--${setting}`,
      ...(half && { half }),
      ...(origin && { at: origin(setting) }),
    });
  };
  const notice: Notice = (setting, message) => notices.push({ setting, message });
  refuse(values);
  for (const half of ['host', 'port'] as const) {
    if (values.has(half)) write(['listeners', 'public', 'bind'], values.get(half), half, half);
  }
  source(values, write, complete);
  staticAliases(values, write);
  algorithm(values, write, notice);
  policies(values, write);
  stats(values, write, complete);
  tracing(values, write, notice, complete);
  for (const [name, { unused }] of Object.entries(UNSUPPORTED)) {
    if (unused !== undefined && values.get(name)) notice(name, `--${name} has no effect: ${unused}`);
  }
  return { overlay, notices };
}

function refuse(values: Values): void {
  for (const [name, { refused }] of Object.entries(UNSUPPORTED)) {
    const value = values.get(name);
    if (refused === undefined || value === undefined || value === '') continue;
    if (name === 'request-rewriter' && value === 'noop') continue;
    throw new SettingError(name, `--${name} is not supported: ${refused}`, 'refused');
  }
  const gate = /(?:^|,)\s*([^,=]+)=true\s*(?:,|$)/i.exec(values.get('feature-gates') ?? '')?.[1];
  if (gate !== undefined) {
    const message = `--feature-gates: ${gate} is not supported; put a proxy in front that does this`;
    throw new SettingError('feature-gates', message, 'refused');
  }
  for (const name of ['sentry-traces-sample-rate', 'sentry-profile-session-sample-rate']) {
    const rate = Number(values.get(name) ?? 0);
    if (rate < 0 || rate > 1) throw new SettingError(name, `--${name} must be between 0 and 1`);
  }
  if (values.get('service-discovery') === 'external-only') {
    throw new SettingError(
      'service-discovery',
      '--service-discovery external-only is not supported: list the provider under discovery as a static backend with its url, models and apiKey',
      'refused',
    );
  }
}

function source(values: Values, write: Write, complete: boolean): void {
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
  if (type === 'static') staticSource(values, write, complete);
  if (type !== 'k8s') return;
  // Helm and the operator may pass any of these empty, which is as good as not at all.
  const mode = values.get('k8s-service-discovery-type');
  if (mode) write(['discovery', 'cli', 'mode'], mode, 'k8s-service-discovery-type');
  const namespace = values.get('k8s-namespace');
  if (namespace) write(['discovery', 'cli', 'namespace'], namespace, 'k8s-namespace');
  if (values.has('k8s-port')) write(['discovery', 'cli', 'port'], number(values.get('k8s-port')!), 'k8s-port');
  const selector = values.get('k8s-label-selector');
  if (selector !== undefined) write(['discovery', 'cli', 'labelSelector'], selector, 'k8s-label-selector');
}

const ROLE_LABELS = ['prefill-model-labels', 'decode-model-labels'];

function algorithm(values: Values, write: Write, notice: Notice): void {
  const logic = values.get('routing-logic');
  const key = values.get('session-key');
  const roleLabelsUnused = (why: string): void => {
    for (const flag of ROLE_LABELS) if (values.get(flag)) notice(flag, `--${flag} has no effect ${why}`);
  };
  if (logic === undefined) {
    roleLabelsUnused('without --routing-logic disaggregated_prefill');
    if (key !== undefined) write(['defaults', 'algorithm', 'key'], key, 'session-key');
    return;
  }
  const type = ROUTING_LOGIC[logic]!;
  write(['defaults', 'algorithm'], { type }, 'routing-logic');
  if (type === 'session') {
    if (!key) throw new SettingError('routing-logic', '--routing-logic session needs --session-key');
    write(['defaults', 'algorithm', 'key'], key, 'session-key');
  } else if (key) notice('session-key', `--session-key has no effect with --routing-logic ${logic}`);
  if (logic === 'kvaware' || logic === 'loadaware') {
    notice(
      'routing-logic',
      `--routing-logic ${logic} is prefix-aware here: prefixes are learnt from the traffic, LMCache is not asked`,
    );
  }
  const beta = values.get('loadaware-beta');
  if (beta && logic === 'loadaware') {
    write(['defaults', 'algorithm', 'loadWeight'], number(beta), 'loadaware-beta');
  } else if (beta) notice('loadaware-beta', `--loadaware-beta has no effect with --routing-logic ${logic}`);
  if (type !== 'disaggregated-prefill') {
    roleLabelsUnused(`with --routing-logic ${logic}`);
    return;
  }
  const form = logic === 'disaggregated_prefill' ? 'max-tokens' : 'kv-transfer';
  write(['defaults', 'algorithm', 'form'], form, 'routing-logic');
  for (const role of ['prefill', 'decode']) {
    const flag = `${role}-model-labels`;
    const labels = csv(values.get(flag));
    if (labels.length === 0) throw new SettingError('routing-logic', `--routing-logic ${logic} needs --${flag}`);
    write(['defaults', 'algorithm', role, 'where'], roleLabels(role, labels, values), flag);
  }
}

/** One label selects by itself; several need the static backends to carry their role. */
function roleLabels(role: string, labels: readonly string[], values: Values): Record<string, string> {
  if (labels.length === 1) return { model: labels[0]! };
  if (values.get('service-discovery') === 'static') return { role };
  throw new SettingError(
    `${role}-model-labels`,
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
    write(['defaults', 'retry', 'attempts'], number(attempts), 'max-instance-failover-reroute-attempts');
  }
}

function stats(values: Values, write: Write, complete: boolean): void {
  seconds(values, 'engine-stats-interval', ['stats', 'engine', 'interval'], write);
  seconds(values, 'request-stats-window', ['stats', 'window'], write);
  if (values.has('log-stats')) write(['stats', 'log', 'every'], '30s', 'log-stats');
  // Without --log-stats the original ignores it.
  if (values.has('log-stats') || !complete) seconds(values, 'log-stats-interval', ['stats', 'log', 'every'], write);
  const level = values.get('log-level');
  if (level !== undefined) write(['logging', 'level'], LOG_LEVELS[level], 'log-level');
  if (values.has('log-format')) write(['logging', 'format'], values.get('log-format'), 'log-format');
}

/** What is no number stays text, which the schema refuses at its place. */
function number(text: string): number | string {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}

function seconds(values: Values, name: string, path: string[], write: Write): void {
  const value = values.get(name);
  if (value === undefined) return;
  const amount = Number(value);
  if (!(amount > 0)) throw new SettingError(name, `--${name} must be greater than 0`);
  write(path, `${amount}s`, name);
}
