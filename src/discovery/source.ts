import type { BackendSpec } from '../backends/backend-spec.ts';

export type { BackendSpec, ModelCard } from '../backends/backend-spec.ts';

/** Called with the source's whole set each time it changes. Must not throw. */
export type Publish = (specs: readonly BackendSpec[]) => void;

/** How a source that asks an API is doing. */
export interface SourceStatus {
  /** ms since the API last said something, of the part that waits longest; undefined before the first list of all. */
  readonly lastSyncAge: number | undefined;
  /** What is wrong now, a line for each watch in trouble. */
  readonly troubles: readonly string[];
}

/** Where backends come from. `start` and `stop` may be called once. */
export interface Source {
  readonly name: string;
  /** Returns at once; publishes when there is something to say, and again on every change. */
  start(publish: Publish): void;
  stop(): Promise<void>;
  /** False until the first complete list; `/ready` waits for it. */
  readonly synced: boolean;
  /** Asks a backend for its models now, where they are asked for at all. */
  probe?(id: string): void;
  status?(): SourceStatus;
  /**
   * Records that a backend of this source was put to sleep or woken, where every replica sees it if that is possible; undefined for
   * one that is not this source's. Never rejects; nobody should wait for it.
   */
  setSleeping?(id: string, sleeping: boolean): Promise<'label' | 'memory' | 'gone' | undefined>;
}
