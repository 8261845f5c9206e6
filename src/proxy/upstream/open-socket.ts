import { connect, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isOwnTrouble } from '../../backends/own-trouble.ts';
import type { UpstreamFailure } from '../../backends/pool.ts';
import type { Target } from './exchange.ts';

/** Begins to connect to a backend; what comes is read as `onread` says. */
export function openSocket({ host, port, tls, lookup }: Target, onread: OnReadOpts): Socket {
  const options = { host, port, lookup, noDelay: true, onread };
  if (!tls) return connect(options);
  return connectTls({ ...options, ALPNProtocols: ['http/1.1'], ...(isName(host) && { servername: host }) });
}

/** What a socket's end before it was connected says. */
export function connectFailure(error: Error | undefined): UpstreamFailure {
  return isOwnTrouble(error) ? 'no_socket' : 'connect_failed';
}

/** SNI takes names only; an address there is a protocol error (RFC 6066 §3). */
function isName(host: string): boolean {
  return !/^[\d.]+$/.test(host) && !host.includes(':');
}
