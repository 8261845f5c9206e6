import { type PortRule, type RawMetadata, resolvePort, type Target } from './target.ts';

interface RawService {
  readonly metadata?: RawMetadata;
  readonly spec?: {
    readonly selector?: Record<string, string>;
    readonly ports?: readonly { readonly name?: string; readonly port?: number }[];
  };
}

interface RawEndpoints {
  readonly metadata?: RawMetadata;
  readonly subsets?: readonly { readonly addresses?: readonly unknown[] }[];
}

interface RawEndpointSlice {
  readonly metadata?: RawMetadata;
  readonly endpoints?: readonly {
    readonly addresses?: readonly unknown[];
    readonly conditions?: { readonly ready?: boolean };
  }[];
}

/** What one Endpoints or EndpointSlice object says of its service. A service may have many slices. */
export interface Readiness {
  /** Name of the object itself. */
  readonly object: string;
  readonly service: string;
  readonly version: string;
  readonly ready: boolean;
}

/** A service as the API sends it, before it is known whether anything stands behind it. */
export type ServiceTarget = Omit<Target, 'ready'>;

/**
 * A service of the API as a target. `ownNamespace` is where the router runs: in there the short name does, and is what the
 * original used (session placement hashes the URL); a service elsewhere needs its namespace.
 */
export function serviceTarget(
  raw: unknown,
  port: PortRule,
  protocol: 'http' | 'https',
  ownNamespace: string | undefined,
): ServiceTarget | undefined {
  const { metadata, spec } = (raw ?? {}) as RawService;
  const { uid, name, namespace, resourceVersion, labels, annotations, deletionTimestamp } = metadata ?? {};
  if (!uid || !name || !namespace || !resourceVersion) return undefined;
  const number = resolvePort(port, annotations, (wanted) => spec?.ports?.find((one) => one.name === wanted)?.port);
  const host = ownNamespace === undefined || ownNamespace === namespace ? name : `${name}.${namespace}.svc`;
  const model = spec?.selector?.['model'];
  return {
    uid,
    kind: 'service',
    namespace,
    name,
    version: resourceVersion,
    incarnation: '',
    url: number === undefined ? undefined : `${protocol}://${host}:${number}`,
    terminating: deletionTimestamp !== undefined,
    // The original's label of a service backend is the model its selector names.
    labels: model === undefined ? (labels ?? {}) : { ...labels, model },
    // A service does not say how its pods were started; one without sleep mode answers 404 once.
    sleepMode: true,
  };
}

export function endpointsReadiness(raw: unknown): Readiness | undefined {
  const { metadata, subsets } = (raw ?? {}) as RawEndpoints;
  if (!metadata?.name || !metadata.resourceVersion) return undefined;
  const ready = (subsets ?? []).some((subset) => (subset.addresses ?? []).length > 0);
  return { object: metadata.name, service: metadata.name, version: metadata.resourceVersion, ready };
}

export function sliceReadiness(raw: unknown): Readiness | undefined {
  const { metadata, endpoints } = (raw ?? {}) as RawEndpointSlice;
  const service = metadata?.labels?.['kubernetes.io/service-name'];
  if (!metadata?.name || !metadata.resourceVersion || !service) return undefined;
  // An absent condition is to be read as ready.
  const ready = (endpoints ?? []).some((one) => (one.addresses ?? []).length > 0 && one.conditions?.ready !== false);
  return { object: metadata.name, service, version: metadata.resourceVersion, ready };
}
