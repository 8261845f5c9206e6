import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { RouterError } from '../errors.ts';
import type { OnRefused } from './client-error.ts';

/** Requests of one connection that may wait for the answers before theirs. Few clients send more than one at a time. */
const MOST_WAITING = 8;

/**
 * The requests of a connection one after the other. `node:http` hands on all that one read has brought, and reads further, as long as
 * nothing is written: 63 KB of `GET /metrics` were 1,700 pages written at once, and 150 chats 150 requests at the engines. It cannot be told
 * to stop within a read, so a connection with more of them is cut.
 */
export function inTurn(handle: RequestListener, refused: OnRefused): RequestListener {
  const waiting = new WeakMap<Socket, number>();
  return function handleInTurn(request, response) {
    // A response is given the socket once those before it are out.
    if (response.socket !== null) {
      handle(request, response);
      return;
    }
    const { socket } = request;
    if (socket.destroyed) return;
    const count = (waiting.get(socket) ?? 0) + 1;
    if (count > MOST_WAITING) {
      socket.destroy();
      refused(new RouterError('bad_request', { detail: `more than ${MOST_WAITING} requests wait on one connection` }));
      return;
    }
    waiting.set(socket, count);
    response.once('socket', () => {
      waiting.set(socket, waiting.get(socket)! - 1);
      // Node is not done with giving it the socket; and whoever has left meanwhile is not waited for.
      process.nextTick(() => {
        if (socket.writable) handle(request, response);
      });
    });
  };
}
