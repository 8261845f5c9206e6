import type { Socket } from 'node:net';

/** The other end of a connection. With TLS, requests come with another socket than the one that was accepted: this is what both have. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remotePort} ${remoteAddress}`;
}
