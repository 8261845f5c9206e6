import type { Socket } from 'node:net';

/** ms */
const LINGER = 1_000;

/**
 * Ends a connection whose request was answered before it was read. Closed with bytes unread, the system would send a reset, and that
 * overtakes the answer: so for a moment what still comes is read and thrown away.
 */
export function linger(socket: Socket): void {
  socket.destroySoon = () => {
    socket.end();
    const timer = setTimeout(() => socket.destroy(), LINGER);
    socket.once('close', () => clearTimeout(timer));
  };
}
