import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '../config/config.ts';
import type { Route } from './route.ts';
import type { Tracer } from './trace.ts';

/** Everything built from one accepted config. Immutable; a request uses one from start to end. */
export interface Snapshot {
  readonly config: Config;
  /** SHA-256 of the files it came from. */
  readonly hash: string;
  /** Counts accepted configs, from 1. */
  readonly generation: number;
  readonly routes: readonly Route[];
  readonly routesByName: ReadonlyMap<string, Route>;
  /** Alias → model, chains followed. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Absent where the config traces nothing. */
  readonly tracer: Tracer | undefined;
}

/** First match wins; undefined when the config has no route for it. */
export function matchRoute(snapshot: Snapshot, model: string, headers: IncomingHttpHeaders): Route | undefined {
  return snapshot.routes.find((route) => route.matches(model, headers));
}
