import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { RouterError } from '../errors.ts';
import { type OnRefused, rawAnswer } from './client-error.ts';
import { peerOf } from './peer.ts';

/** Descriptors for everything that is no client, twice, since clients get half of what there is: files, listeners, checks of backends. */
const RESERVE = 64;
/** Of these, connections beyond the cap whose requests are read all the same, since they may be a probe's. */
const SPARE = 32;
/** ms that such a one may take for all of its request and answer. */
const SPARE_TIME = 10_000;
/** ms in which a probe has begun to speak, since it does so at once. */
const SILENCE = 100;
/** And connections to listeners that forward nothing, which they have for sure; more of them count like clients'. */
const OWN = 32;
/** ms that such a one has, from its beginning, to ask; then it may lose its place as long as it has no request under way. */
const OWN_TIME = 1_000;
/** Where the system does not say how many there may be. */
const FALLBACK = 1_024;

/** Looks at every accepted connection; one too many is answered 503 and closed. */
export interface Accepts {
  /** `isIdle`: whether no request is under way on it now. */
  accept(socket: Socket, refused: OnRefused, isIdle: () => boolean): void;
}

interface Own {
  readonly isIdle: () => boolean;
  /** Monotonic ms. */
  readonly since: number;
}

interface Spare {
  /** It has been told that nothing of it is forwarded; the client may take its time to hear of it. */
  refused: boolean;
  /** Monotonic ms. */
  readonly since: number;
  readonly timer: NodeJS.Timeout;
  readonly tell: OnRefused;
}

/**
 * How many connections clients may hold, over all listeners: each may need another one to a backend, and a process without descriptors
 * can neither reload its config nor log.
 *
 * A few more are accepted for one request each: whoever asks for `/health` is answered, so that the kubelet does not end a router, and
 * thousands of streams with it, for having many clients; what is to be forwarded is refused. Those that say nothing, or have been
 * refused, make room for the next.
 */
export class ConnectionCap {
  readonly limit: number;
  readonly #most: { readonly spare: number; readonly own: number };
  #clients = 0;
  /** In their order, as are the next. */
  readonly #own = new Map<Socket, Own>();
  readonly #spares = new Map<Socket, Spare>();

  constructor(limit = connectionsFor(openFileLimit()), most = { spare: SPARE, own: OWN }) {
    this.limit = limit;
    this.#most = most;
  }

  /** `quiet`: its listener forwards nothing. */
  accept(socket: Socket, refused: OnRefused, isIdle = () => false, quiet = false): void {
    if (quiet && this.#own.size < this.#most.own) {
      this.#addOwn(socket, isIdle);
    } else if (this.#clients < this.limit) {
      this.#clients++;
      socket.once('close', () => this.#clients--);
    } else if (quiet && this.#closeIdleOwn()) {
      this.#addOwn(socket, isIdle);
    } else if (this.#hasSpare()) {
      const timer = setTimeout(() => socket.destroy(), SPARE_TIME).unref();
      this.#spares.set(socket, { refused: false, since: performance.now(), timer, tell: refused });
      socket.once('close', () => this.#drop(socket));
    } else refuse(socket, refused);
  }

  /** It has been accepted beyond the cap, for a probe's sake, and is to end with its answer. */
  isSpare(socket: Socket): boolean {
    return this.#spareOf(socket) !== undefined;
  }

  /** Whether that is so, which keeps its request from being forwarded. */
  refuses(socket: Socket): boolean {
    const spare = this.#spareOf(socket);
    if (spare !== undefined) spare.refused = true;
    return spare !== undefined;
  }

  #addOwn(socket: Socket, isIdle: () => boolean): void {
    this.#own.set(socket, { isIdle, since: performance.now() });
    socket.once('close', () => this.#own.delete(socket));
  }

  /** Kept alive and idle, 32 connections would keep probes out for as long as that lasts. */
  #closeIdleOwn(): boolean {
    const begun = performance.now() - OWN_TIME;
    for (const [socket, { isIdle, since }] of this.#own) {
      if (since > begun) return false;
      if (!isIdle()) continue;
      this.#own.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  #hasSpare(): boolean {
    if (this.#spares.size < this.#most.spare) return true;
    const silent = performance.now() - SILENCE;
    for (const [socket, { refused, since, tell }] of this.#spares) {
      if (!refused && (socket.bytesRead > 0 || since > silent)) continue;
      this.#drop(socket);
      if (refused) socket.destroy();
      else refuse(socket, tell);
      return true;
    }
    return false;
  }

  #drop(socket: Socket): void {
    clearTimeout(this.#spares.get(socket)?.timer);
    this.#spares.delete(socket);
  }

  #spareOf(socket: Socket): Spare | undefined {
    if (this.#spares.size === 0) return undefined;
    const spare = this.#spares.get(socket);
    if (spare !== undefined || !('encrypted' in socket)) return spare;
    const peer = peerOf(socket);
    for (const [accepted, one] of this.#spares) if (peerOf(accepted) === peer) return one;
    return undefined;
  }
}

function refuse(socket: Socket, refused: OnRefused): void {
  const error = new RouterError('overloaded');
  socket.end(rawAnswer(error));
  refused(error);
  // What it sends meanwhile is nobody's.
  socket.pause();
  socket.destroySoon();
}

/** How many connections clients may hold where so many files may be open. */
export function connectionsFor(files: number): number {
  return Math.max(1, Math.floor(files / 2) - RESERVE);
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
