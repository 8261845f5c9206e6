import { Socket } from 'node:net';

/** Where a socket reads to: `next` is asked after each read, and may name another buffer. */
export interface Reading {
  readonly next: () => Uint8Array | undefined;
  /** False stops reading until the socket is resumed. */
  readonly read: (bytes: number, buffer: Buffer) => boolean;
}

interface WithHandle {
  _handle: unknown;
}

/**
 * The same connection as another socket, which reads into buffers of ours (the option `onread`, which Node offers for outgoing connections
 * and keeps from accepted ones): no allocation for each read. For that the handle moves, by a property and an option that Node does not
 * document; undefined, and nothing is changed, where they are not what they were.
 */
export function adoptSocket(accepted: Socket, { next, read }: Reading): Socket | undefined {
  const from = accepted as unknown as WithHandle;
  const handle = from._handle;
  if (typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle)) return undefined;
  const options = { handle, allowHalfOpen: true, onread: { buffer: next, callback: read } };
  const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
  if ((socket as unknown as WithHandle)._handle !== handle) return undefined;
  // Without its handle it has nothing to close, and leaves the server's count of connections.
  from._handle = null;
  accepted.destroy();
  return socket;
}
