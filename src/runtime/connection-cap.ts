import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { RouterError } from '../errors.ts';
import { type OnRefused, rawAnswer } from './client-error.ts';

/** Descriptors for everything that is no client, twice, since clients get half of what there is: files, listeners, checks of backends. */
const RESERVE = 64;
/** Of these, connections beyond the cap whose requests are read all the same, since they may be a probe's. */
const SPARE = 16;
/** And connections to listeners that forward nothing. */
const OWN = 32;
/** Where the system does not say how many there may be. */
const FALLBACK = 1_024;

/**
 * How many connections clients may hold, over all listeners: each may need another one to a backend, and a process without descriptors
 * can neither reload its config nor log.
 *
 * A few more are accepted for one request each: whoever asks for `/health` is answered, so that the kubelet does not end a router, and
 * thousands of streams with it, for having many clients; what is to be forwarded is refused.
 */
export class ConnectionCap {
  readonly limit: number;
  readonly #spare: number;
  readonly #beyond = new WeakSet<Socket>();
  #open = 0;

  constructor(limit = Math.max(1, Math.floor(openFileLimit() / 2) - RESERVE), spare = SPARE) {
    this.limit = limit;
    this.#spare = spare;
  }

  /** For listeners that only we ourselves answer at: they stay within reach whatever the clients hold. */
  static forOwn(): ConnectionCap {
    return new ConnectionCap(OWN, 0);
  }

  /** It has been accepted for a probe's sake: nothing of it is to be forwarded, and it ends with its answer. */
  isBeyond(socket: Socket): boolean {
    return this.#beyond.has(socket);
  }

  /**
   * To be called for every accepted connection; one too many is answered 503 and closed. `known`: its requests will come with this same
   * socket.
   */
  accept(socket: Socket, refused: OnRefused, known: boolean): void {
    this.#open++;
    socket.once('close', () => this.#open--);
    if (this.#open <= this.limit) return;
    if (known && this.#open <= this.limit + this.#spare) {
      this.#beyond.add(socket);
      return;
    }
    const error = new RouterError('overloaded');
    socket.end(rawAnswer(error));
    refused(error);
    // What it sends meanwhile is nobody's.
    socket.pause();
    socket.destroySoon();
  }
}

/** What looks at every accepted connection. */
export type Accepts = Pick<ConnectionCap, 'accept'>;

/** The soft limit of open files of this process. */
export function openFileLimit(limits = '/proc/self/limits'): number {
  try {
    const found = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync(limits, 'utf8'))?.[1];
    return found === undefined || found === 'unlimited' ? FALLBACK * FALLBACK : Number(found);
  } catch {
    return FALLBACK;
  }
}
