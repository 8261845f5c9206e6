import { sessionKeyReader } from '../algorithms/session-key.ts';
import type { Backend } from '../backends/backend.ts';
import type { Route } from '../pipeline/route.ts';
import type { RoutedRequest } from '../pipeline/routed-request.ts';

/** The line has no fields but its text. */
export const NO_FIELDS = {};

/**
 * Where an attempt goes, in the words of production-stack's router: end-to-end scripts there look for them. `now` is monotonic ms,
 * `epoch` Unix ms. The session is that of a `session` route, else `None`.
 */
export function routingLine(
  routed: RoutedRequest,
  { config }: Route,
  { url }: Backend,
  now: number,
  epoch: number,
): string {
  const { algorithm } = config;
  const session = algorithm.type === 'session' ? sessionKeyReader(algorithm)(routed) : undefined;
  const took = Math.max(0, now - routed.startedAt) / 1000;
  return (
    `Routing request ${word(routed.id)} with session id ${session === undefined ? 'None' : word(session)} to ${url}` +
    ` at ${(epoch / 1000).toFixed(6)}, process time = ${took.toFixed(4)}`
  );
}

/** Clients say these: as one word they cannot pretend to be another line, or the rest of this one. */
function word(text: string): string {
  return text.replace(/[^\x21-\x5b\x5d-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
