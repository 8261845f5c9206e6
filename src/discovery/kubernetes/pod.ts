import { isIPv6 } from 'node:net';
import { type PortRule, type RawMetadata, resolvePort, type Target } from './target.ts';

interface RawContainer {
  readonly name?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort?: number }[];
}

/** A pod as the API sends it, as far as it is read. */
interface RawPod {
  readonly metadata?: RawMetadata;
  readonly spec?: {
    readonly containers?: readonly RawContainer[];
    readonly initContainers?: readonly RawContainer[];
    readonly readinessGates?: readonly unknown[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
    readonly containerStatuses?: readonly { readonly ready?: boolean; readonly restartCount?: number }[];
  };
}

/** A pod of the API as a target; undefined for what is no pod. */
export function podTarget(raw: unknown, port: PortRule, protocol: 'http' | 'https'): Target | undefined {
  const { metadata, spec, status } = (raw ?? {}) as RawPod;
  const { uid, name, namespace, resourceVersion, labels, annotations, deletionTimestamp } = metadata ?? {};
  if (!uid || !name || !namespace || !resourceVersion) return undefined;
  const containers = spec?.containers ?? [];
  const number = resolvePort(port, annotations, (wanted) => namedPort(wanted, containers, spec?.initContainers));
  const ip = status?.podIP;
  const host = ip && isIPv6(ip) ? `[${ip}]` : ip;
  return {
    uid,
    kind: 'pod',
    namespace,
    name,
    version: resourceVersion,
    incarnation: (status?.containerStatuses ?? []).map((one) => one.restartCount ?? 0).join(),
    url: host && number !== undefined ? `${protocol}://${host}:${number}` : undefined,
    ready: isReady(spec, status),
    // A terminating pod stays Ready=True, with its containers ready and its IP set: only this tells.
    terminating: deletionTimestamp !== undefined,
    labels: labels ?? {},
    sleepMode: hasSleepMode(containers),
  };
}

/**
 * Every container ready, and the Ready condition not false: it is what readiness gates end in, and what the control plane sets
 * when the node is lost while the container statuses stay as they were. A Failed (evicted) pod keeps its IP, so the phase counts.
 */
function isReady(spec: RawPod['spec'], status: RawPod['status']): boolean {
  if (status?.phase !== 'Running') return false;
  const containers = status.containerStatuses ?? [];
  if (containers.length === 0 || !containers.every((one) => one.ready === true)) return false;
  const condition = status.conditions?.find((one) => one.type === 'Ready')?.status;
  if (condition === undefined) return (spec?.readinessGates ?? []).length === 0;
  return condition === 'True';
}

function namedPort(
  wanted: string,
  containers: readonly RawContainer[],
  initContainers: readonly RawContainer[] | undefined,
): number | undefined {
  // Sidecars that run on are init containers.
  for (const container of [...containers, ...(initContainers ?? [])]) {
    const found = container.ports?.find((one) => one.name === wanted)?.containerPort;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** As the original: a container named `vllm` that runs its image's own command, or says `--enable-sleep-mode`. */
function hasSleepMode(containers: readonly RawContainer[]): boolean {
  const vllm = containers.find((one) => one.name === 'vllm');
  if (!vllm) return false;
  const { command = [], args = [] } = vllm;
  return command.length === 0 || [...command, ...args].some((word) => word.includes('--enable-sleep-mode'));
}
