import type { ApiErrorCode } from './api-error.ts';
import type { WatchEventType } from './watch-parser.ts';

/**
 * Why a list was made: at the start, as the regular net under the watch, or because a list or the watch broke; `gone` when the
 * server no longer knew the version.
 */
export type RelistReason = 'start' | 'resync' | 'gone' | 'list_error' | 'watch_error';

/** What metrics want to know; `resource` is `pods`, `services`, `endpoints` or `endpointslices`. Nothing here may throw. */
export interface KubernetesObserver {
  /** A list succeeded. */
  listed?(resource: string, reason: RelistReason): void;
  event?(resource: string, type: WatchEventType): void;
  /** A call failed; a watch that broke after it had begun counts as `watch`. */
  apiError?(resource: string, verb: 'list' | 'watch' | 'patch', code: ApiErrorCode): void;
}

/** The logger's methods that discovery uses: pino's. */
export interface DiscoveryLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
