import type { Socket } from 'node:net';
import type { ListenerConfig } from '../config/config.ts';
import type { RouterError } from '../errors.ts';
import type { Forwarding } from './forward.ts';
import type { NameMatcher } from './glob.ts';
import type { RoutedRequest } from './routed-request.ts';
import type { Snapshot } from './snapshot.ts';

/** What Koa carries along a request. */
export interface State {
  id: string;
  /** The one a request entered with; it stays with it. */
  snapshot: Snapshot;
  routed?: RoutedRequest;
  error?: string;
}

/** The process's log as the pipeline uses it. */
export interface PipelineLog {
  error(fields: object, message: string): void;
  /** A request that was refused for how it is written in HTTP, before anything else was looked at. */
  refused(error: RouterError): void;
  /** One line per forwarded request. */
  access(routed: RoutedRequest, status: number, elapsed: number): void;
}

/** What the pipeline needs of the process that runs it. */
export interface PipelineDeps extends Forwarding {
  readonly log: PipelineLog;
  /** The config now in force. */
  readonly snapshot: () => Snapshot;
  /** The listener as that config describes it. */
  readonly listener: (snapshot: Snapshot) => ListenerConfig;
  /** The connection is to end with its answer: a drain has begun, memory runs short, or there are too many. */
  readonly closing: (socket: Socket) => boolean;
  /** No memory for further requests, or no descriptor for one from there. */
  readonly full: (socket: Socket) => boolean;
  /** The key's name if it may be used at this listener; undefined if not. */
  readonly authenticate: (listener: ListenerConfig, presented: string) => ApiKeyHolder | undefined;
}

/** Whose key it was. */
export interface ApiKeyHolder {
  readonly name: string;
  /** The models it may use, by either name of those with an alias; absent: all. */
  readonly mayUse?: NameMatcher | undefined;
}
