import { UNSUPPORTED } from '../config/original/unsupported.ts';
import {
  child,
  emptyMap,
  type MapNode,
  type Node,
  nodeAt,
  type Origin,
  type Path,
  type Plain,
  toPlain,
} from '../config/tree.ts';
import { FLAGS } from './flags.ts';
import { parseOptions } from './options.ts';

/** Settings of the original router, with where each stands. */
export interface Settings {
  readonly values: Map<string, string>;
  readonly origins: Map<string, Origin>;
  /** What could not be taken over, for the reader of the new file. */
  readonly notes: string[];
}

/** What the chart puts into the router's arguments: key below `routerSpec`, flag, and the chart's own default. */
const ARGUMENTS: readonly { readonly path: Path; readonly flag: string; readonly fallback?: string }[] = [
  { path: ['containerPort'], flag: 'port', fallback: '8000' },
  { path: ['serviceDiscovery'], flag: 'service-discovery', fallback: 'k8s' },
  { path: ['k8sServiceDiscoveryType'], flag: 'k8s-service-discovery-type' },
  { path: ['staticBackends'], flag: 'static-backends' },
  { path: ['staticModels'], flag: 'static-models' },
  { path: ['routingLogic'], flag: 'routing-logic', fallback: 'roundrobin' },
  { path: ['prefixMinMatchLength'], flag: 'prefix-min-match-length' },
  { path: ['sessionKey'], flag: 'session-key' },
  { path: ['rootPath'], flag: 'root-path' },
  { path: ['engineScrapeInterval'], flag: 'engine-stats-interval', fallback: '15' },
  { path: ['requestStatsWindow'], flag: 'request-stats-window', fallback: '60' },
  { path: ['lmcacheControllerPort'], flag: 'lmcache-controller-port' },
  { path: ['otel', 'endpoint'], flag: 'otel-endpoint' },
  { path: ['otel', 'serviceName'], flag: 'otel-service-name' },
  { path: ['otel', 'secure'], flag: 'otel-secure' },
];
const CHART_LABELS = { environment: 'test', release: 'test' };

/** A file of values names what differs from the chart's own: often nothing of the router's. */
export function isHelmValues(root: MapNode): boolean {
  return ['routerSpec', 'servingEngineSpec'].some((key) => child(root, key)?.kind === 'map');
}

/** The arguments that the original's Helm chart makes of its values. */
export function helmSettings(root: MapNode): Settings {
  const settings: Settings = { values: new Map(), origins: new Map(), notes: [] };
  const router = child(root, 'routerSpec') ?? emptyMap(root.origin);
  const chart: Origin = { from: 'flag', flag: 'default of the chart' };
  const set = (flag: string, value: string, origin: Origin): void => {
    settings.values.set(flag, value);
    settings.origins.set(flag, origin);
  };
  for (const { path, flag, fallback } of ARGUMENTS) {
    const node = nodeAt(router, path);
    // Helm's `if` takes these for no.
    const given = node?.kind === 'scalar' && !([null, '', false, 0] as unknown[]).includes(node.value);
    const value = given ? String(node.value) : undefined;
    if (value !== undefined) set(flag, value, node!.origin);
    else if (fallback !== undefined) set(flag, fallback, chart);
  }
  if (settings.values.get('service-discovery') === 'k8s') cluster(root, set, chart);
  else settings.values.delete('k8s-service-discovery-type');
  if (!settings.values.has('otel-endpoint')) {
    for (const flag of ['otel-service-name', 'otel-secure']) settings.values.delete(flag);
  }
  extraArguments(child(router, 'extraArgs'), settings, set);
  const keys = [nodeAt(router, ['vllmApiKey']), nodeAt(root, ['servingEngineSpec', 'vllmApiKey'])];
  if (keys.some((key) => key && isNamed(toPlain(key)))) {
    settings.notes.push(
      'vllmApiKey: clients send their own key on; for the router to send one, give the source an apiKey',
    );
  }
  return settings;
}

/** A key, or the secret that holds it; the chart's own values name none. */
function isNamed(key: Plain): boolean {
  const parts = key !== null && typeof key === 'object' ? Object.values(key) : [key];
  return parts.some((part) => part !== null && part !== '');
}

type Set = (flag: string, value: string, origin: Origin) => void;

function cluster(root: MapNode, set: Set, chart: Origin): void {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the release's namespace is only known in the cluster
  set('k8s-namespace', '${POD_NAMESPACE:-default}', { from: 'flag', flag: 'namespace of the release' });
  const engine = child(root, 'servingEngineSpec');
  const enabled = child(engine, 'enableEngine');
  if (enabled?.kind === 'scalar' && enabled.value === false) return;
  const labels = child(engine, 'labels');
  const pairs = Object.entries(labels?.kind === 'map' ? (toPlain(labels) as Record<string, unknown>) : CHART_LABELS);
  const selector = pairs.map(([name, value]) => `${name}=${String(value)}`).sort();
  set('k8s-label-selector', selector.join(','), labels?.origin ?? chart);
}

function extraArguments(node: Node | undefined, { notes }: Settings, set: Set): void {
  if (node?.kind !== 'list' || node.items.length === 0) return;
  const parsed = parseOptions(
    FLAGS,
    node.items.map((item) => String(toPlain(item))),
  );
  if ('problem' in parsed) {
    notes.push(`extraArgs: ${parsed.problem}`);
    return;
  }
  for (const [flag, value] of parsed.values) {
    // `noop` is its default, and what it does here.
    if (flag === 'request-rewriter' && value === 'noop') continue;
    const { refused } = UNSUPPORTED[flag] ?? {};
    if (refused !== undefined) notes.push(`extraArgs --${flag}: ${refused}`);
    else set(flag, value, node.origin);
  }
}
