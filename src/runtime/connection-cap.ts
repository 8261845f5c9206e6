import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { RouterError } from '../errors.ts';
import { type OnRefused, rawAnswer } from './client-error.ts';

/** Descriptors for everything that is no client: files, timers, listeners, checks of backends. */
const RESERVE = 64;
/** Where the system does not say how many there may be. */
const FALLBACK = 1_024;

/**
 * How many connections clients may hold, over all listeners: each may need another one to a backend, and a process without descriptors
 * can neither reload its config nor log.
 */
export class ConnectionCap {
  readonly limit: number;
  #open = 0;

  constructor(limit = Math.max(1, Math.floor(openFileLimit() / 2) - RESERVE)) {
    this.limit = limit;
  }

  /** To be called for every accepted connection; one too many is answered 503 and closed. */
  accept(socket: Socket, refused: OnRefused): void {
    this.#open++;
    socket.once('close', () => this.#open--);
    if (this.#open <= this.limit) return;
    const error = new RouterError('overloaded');
    socket.end(rawAnswer(error));
    refused(error);
    // What it sends meanwhile is nobody's.
    socket.pause();
    socket.destroySoon();
  }
}

/** The soft limit of open files of this process. */
export function openFileLimit(limits = '/proc/self/limits'): number {
  try {
    const found = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync(limits, 'utf8'))?.[1];
    return found === undefined || found === 'unlimited' ? FALLBACK * FALLBACK : Number(found);
  } catch {
    return FALLBACK;
  }
}
