import type { Secret } from '../config/config.ts';

/** What `/v1/models` says of one model; unknown members of the engine's entry are kept and shown to clients as they are. */
export interface ModelCard {
  readonly id: string;
  readonly created?: number;
  readonly owned_by?: string;
  readonly root?: string | null;
  /** Base model of a LoRA adapter. */
  readonly parent?: string | null;
  readonly [extra: string]: unknown;
}

/** One backend as a source sees it now. Immutable; a change is a new object. */
export interface BackendSpec {
  /** Stable identity, under which health, pools and counters live on: a static backend's URL, a pod's UID. */
  readonly id: string;
  /** `engine_id` of /engines and `?id=`. */
  readonly engineId: string;
  /** What people call it: the URL of a static backend, `namespace/pod` in Kubernetes. */
  readonly name: string;
  /** Scheme, authority and optional path prefix; no trailing slash. */
  readonly url: string;
  /** Name of the source that published it. */
  readonly source: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
  readonly apiKey?: Secret;
  /** Empty while they are not known yet: such a backend gets no request. */
  readonly models: readonly ModelCard[];
  /** A terminating pod: no new requests, open ones run on. */
  readonly terminating: boolean;
  /** Sleeping engines get nothing either. */
  readonly sleeping: boolean;
}
