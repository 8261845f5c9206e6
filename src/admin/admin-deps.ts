import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BackendRegistry } from '../backends/registry.ts';
import type { ListenerConfig } from '../config/config.ts';
import type { Log } from '../log.ts';
import type { Snapshot } from '../pipeline/snapshot.ts';
import type { PipelineDeps } from '../pipeline/state.ts';
import type { EngineStats, RouterFacts } from '../stats/facts.ts';
import type { RouterStats } from '../stats/router-stats.ts';
import type { ConfigControl } from './control.ts';
import type { StatusFeed } from './status-feed.ts';

/** What the admin endpoints see of the process, on whichever listener. */
export interface AdminDeps {
  readonly registry: BackendRegistry;
  readonly stats: RouterStats;
  readonly control: ConfigControl;
  readonly snapshot: () => Snapshot;
  /** Figures of the last scrape of the backend with this id, unless they are too old. */
  readonly engine: (id: string) => EngineStats | undefined;
  readonly facts: RouterFacts;
  /** Why requests should not come here now; undefined when ready. */
  readonly notReady: () => string | undefined;
  readonly authenticate: PipelineDeps['authenticate'];
  /** Monotonic ms. */
  readonly now: () => number;
  readonly log: Log;
}

/** The same for one listener. */
export interface AdminListenerDeps extends AdminDeps {
  readonly feed: StatusFeed;
  /** As that config describes it. */
  readonly listener: (snapshot: Snapshot) => ListenerConfig;
}

/** One request to an admin endpoint that may be answered. */
export interface AdminRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly query: URLSearchParams;
  /** Whose key it came with; empty on a listener without `auth`. */
  readonly key: string;
  readonly snapshot: Snapshot;
  readonly listener: ListenerConfig;
}
