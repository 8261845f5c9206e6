import type { Dispatcher } from 'undici';

/** Everything one request needs. */
export interface Connection {
  readonly dispatcher: Dispatcher;
  /** Scheme and authority, with a path prefix where the cluster is behind one. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where the API server is and who we are there. Asked before every request, because tokens and certificates rotate. */
export interface ClusterAccess {
  /** `fresh`: what is cached was refused, read it again. Rejects with an ApiError `credentials`. */
  connection(fresh?: boolean): Promise<Connection>;
  /** Namespace that the router itself runs in, as far as it is known. */
  namespace(): Promise<string | undefined>;
  close(): Promise<void>;
}
