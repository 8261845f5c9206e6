import type { ClientRequest } from './client/client-exchange.ts';

/**
 * What is never passed on: hop-by-hop headers (RFC 9110 §7.6.1), framing and host (the pool's), what only we may say
 * (forwarded-*, request id), and accept-encoding: usage and errors are read from the bytes, so they must come uncompressed.
 */
const DROPPED = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'accept-encoding',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-real-ip',
  'x-request-id',
  'x-router-explain',
]);

const CREDENTIALS = new Set(['authorization', 'x-api-key']);

/** Facts that the router adds to or takes from what the client sent. */
export interface HeaderPolicy {
  readonly requestId: string;
  readonly clientAddress: string;
  readonly clientProtocol: 'http' | 'https';
  /** The client's key was for us: it must not reach an engine. */
  readonly dropCredentials: boolean;
}

/**
 * The lines that are the same for every attempt of a request. Repeated headers stay repeated and values keep their bytes
 * (Node hands headers over as latin1, and they are written so); names that `Connection` nominates are dropped.
 */
export function requestHeaderLines(request: ClientRequest, policy: HeaderPolicy): string {
  const raw = request.rawHeaders;
  const nominated = nominatedNames(request.headers.connection);
  let lines = '';
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    const lower = name.toLowerCase();
    if (DROPPED.has(lower) || nominated?.has(lower)) continue;
    if (policy.dropCredentials && CREDENTIALS.has(lower)) continue;
    lines += `${name}: ${raw[index + 1]}\r\n`;
  }
  return `${lines}accept-encoding: identity\r\nx-request-id: ${policy.requestId}\r\nx-forwarded-for: ${policy.clientAddress}\r\nx-forwarded-proto: ${policy.clientProtocol}\r\n`;
}

/** The backend's own key takes the place of whatever the client sent. */
export function withBackendKey(lines: string, key: string): string {
  const kept = lines
    .split('\r\n')
    .filter((line) => !CREDENTIALS.has(line.slice(0, Math.max(0, line.indexOf(':'))).toLowerCase()))
    .join('\r\n');
  return `authorization: Bearer ${key}\r\n${kept}`;
}

/** `Connection: keep-alive` is what nearly every client sends and nominates nothing that is not dropped anyway. */
function nominatedNames(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}
