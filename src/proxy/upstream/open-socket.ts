import { connect, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { UpstreamFailure } from '../../backends/pool.ts';
import { isOwnTrouble, isUnreachable } from '../../backends/socket-errors.ts';
import type { Target } from './exchange.ts';

/**
 * ms without a byte after which TCP asks whether the other side is still there; ten unanswered questions a second apart end the connection.
 * Nothing else would end a request whose only backend has vanished with it, and NATs forget connections that are silent for some minutes.
 */
const KEEP_ALIVE = 110_000;

/** Begins to connect to a backend; what comes is read as `onread` says. */
export function openSocket({ host, port, tls, lookup }: Target, onread: OnReadOpts): Socket {
  const options = { host, port, lookup, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE, onread };
  if (!tls) return connect(options);
  return connectTls({ ...options, ALPNProtocols: ['http/1.1'], ...(isName(host) && { servername: host }) });
}

/** What a socket's end before it was connected says; `resent`: the request had gone out over one that had ended. */
export function connectFailure(error: Error | undefined, resent: boolean): UpstreamFailure {
  if (isOwnTrouble(error)) return 'no_socket';
  // The engine closed the first connection and is gone now: perhaps it died of the request, which it has had.
  return resent && !isUnreachable(error) ? 'disconnected' : 'connect_failed';
}

/** What the end of a socket that was connected says; `inHead`: before the whole head of the answer had come. */
export function lostConnection(error: Error | undefined, inHead: boolean): UpstreamFailure {
  if (isUnreachable(error)) return 'unreachable';
  return inHead ? 'disconnected' : 'truncated';
}

/** SNI takes names only; an address there is a protocol error (RFC 6066 §3). */
function isName(host: string): boolean {
  return !/^[\d.]+$/.test(host) && !host.includes(':');
}
