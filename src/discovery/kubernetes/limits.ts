/** How long things may take, in ms. Tests shorten them; the rules stay the same. */
export interface KubernetesLimits {
  /** Connecting with TLS. */
  readonly connect: number;
  /** A whole list. A list that etcd has to answer can hang for as long as etcd is away. */
  readonly list: number;
  /** A watch is asked to end after this long (jittered), so that connections move between API servers. */
  readonly watch: number;
  /** A watch without a byte for this long is dead: bookmarks come every 60 s. */
  readonly watchIdle: number;
  /** One probe of a backend. */
  readonly probe: number;
  /** One label patch. */
  readonly patch: number;
  /** How long the backends of a list that is suddenly empty stay, as long as they answer. */
  readonly emptyGrace: number;
  /** Longest pause between retries after 403, 429, 5xx; see `retry.ts`. */
  readonly maxRetry: number;
}

export const DEFAULT_LIMITS: KubernetesLimits = {
  connect: 5000,
  list: 15_000,
  watch: 290_000,
  watchIdle: 90_000,
  probe: 5000,
  patch: 5000,
  emptyGrace: 60_000,
  maxRetry: 30_000,
};
