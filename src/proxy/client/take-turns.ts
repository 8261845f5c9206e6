import type { Socket } from 'node:net';
import { nextReadingTurn } from '../turns.ts';

interface Handle {
  reading?: boolean;
  readStart?(): unknown;
  readStop?(): unknown;
}

/** Those that wait for theirs. */
const waiting = new WeakSet<Handle>();

/**
 * Reads no more from a connection before its turn: one such connection is read from in each turn of the event loop. Otherwise up to 32 reads
 * of 64 KiB follow one another, and in chunks of one byte that is 350,000 pieces: one client held up all others for two seconds.
 *
 * For that its handle is stopped by properties that Node does not document: `pause` of a request keeps what still comes, and that of its
 * socket is undone by the request's next read. While Node believes that it reads it starts nothing itself, and what it has stopped
 * meanwhile, it starts again. Nothing is done where they are not what they were.
 */
export function takeTurns(socket: Socket): void {
  const holder = socket as Socket & { _handle?: Handle | null };
  const handle = holder._handle;
  // What one read has brought comes to its end all the same.
  if (handle === null || handle === undefined || waiting.has(handle)) return;
  if (handle.reading !== true || handle.readStart === undefined || handle.readStop === undefined) return;
  waiting.add(handle);
  handle.readStop();
  void nextReadingTurn().then(() => {
    waiting.delete(handle);
    if (holder._handle === handle && handle.reading) handle.readStart!();
  });
}
