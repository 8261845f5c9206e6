import type { BackendSpec } from '../backends/backend-spec.ts';

export type { BackendSpec, ModelCard } from '../backends/backend-spec.ts';

/** Called with the source's whole set each time it changes. Must not throw. */
export type Publish = (specs: readonly BackendSpec[]) => void;

/** Where backends come from. Both methods may be called once. */
export interface Source {
  readonly name: string;
  /** Returns at once; publishes when there is something to say, and again on every change. */
  start(publish: Publish): void;
  stop(): Promise<void>;
  /** False until the first complete list; `/ready` waits for it. */
  readonly synced: boolean;
}
