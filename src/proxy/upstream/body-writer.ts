import type { Socket } from 'node:net';
import { nextTurn } from '../turns.ts';

/** Bytes written at a time: with a reader on the next core the system goes on copying, all 33 MB for up to 9 ms. */
const PIECE = 1024 * 1024;

/** Writes request bodies to one socket, a long one in pieces, each in a turn of the event loop of its own. */
export class BodyWriter {
  readonly #socket: Socket;
  #unsent: Buffer | undefined;
  /** The system has let go of what was being written, too: the handle is closed, which comes later than `destroyed` and `closed`. */
  #closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.once('close', () => {
      this.#closed = true;
    });
  }

  /** The system has everything that was to be sent. */
  get done(): boolean {
    return this.#unsent === undefined && this.#socket.writableLength === 0 && !this.#socket.destroyed;
  }

  /** Calls back when nothing reads the latest body any more. */
  whenFree(callback: () => void): void {
    if (this.done || this.#closed) callback();
    else this.#socket.once('close', callback);
  }

  write(body: Buffer): void {
    if (body.length <= PIECE) {
      this.#unsent = undefined;
      this.#socket.write(body);
      return;
    }
    this.#unsent = body.subarray(PIECE);
    this.#socket.write(body.subarray(0, PIECE), () => void nextTurn().then(() => this.#goOn()));
  }

  #goOn(): void {
    if (this.#unsent !== undefined && !this.#socket.destroyed) this.write(this.#unsent);
  }
}
