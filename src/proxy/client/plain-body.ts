import { RouterError } from '../../errors.ts';
import { formatSize } from '../../units.ts';
import { type BodyMemory, bodyBudget, type IncomingBody, releaseBody } from '../body-budget.ts';
import { takeLongSlab, takeSlab } from '../body-slabs.ts';

/** The whole body in one buffer. Whoever gets it calls `releaseBody`. */
export interface ReadBody extends BodyMemory {
  body: Buffer;
}

/**
 * A declared length is only a promise: memory for all of it is for those who have sent as much as this. To join the pieces of 32 MiB at the
 * end would hold up every other request for some 25 ms.
 */
export const PROMISED = 1024 * 1024;
/** With this much still to come, reading it where it belongs is worth the change of buffers. */
const WORTH_A_BUFFER = 16 * 1024;

/** The connection that a body comes on. */
export interface BodyReader {
  /** Nothing is read from it any more, from this moment on; it ends with its answer. */
  stopReading(): void;
}

/** The body of one request on its way in: copied from the read buffer, or read where it belongs. */
export class PlainBody implements IncomingBody {
  readonly length: number;
  readonly #reader: BodyReader;
  /** Bytes that have come, kept or not. */
  received = 0;
  #target: Buffer | undefined;
  slab: Buffer | undefined;
  reserved = 0;
  #settled: PromiseWithResolvers<ReadBody> | undefined;
  /** Bytes of the read in which the head came, valid until its handler has returned. */
  #first: Buffer | undefined;

  constructor(length: number, first: Buffer, reader: BodyReader) {
    this.length = length;
    this.#reader = reader;
    this.#first = first;
    this.received = Math.min(length, first.length);
  }

  get complete(): boolean {
    return this.received === this.length;
  }

  /** To be called before the handler of the request returns, at once where all of it is here; throws `body_too_large`. */
  claim(limit: number): ReadBody | Promise<ReadBody> {
    const first = this.#first;
    if (this.length > limit) throw bodyTooLarge(limit);
    if (first === undefined) throw new RouterError('bad_request', { detail: 'the body is gone' }, CLOSE);
    this.slab = takeSlab(this.length);
    this.#target = this.slab ?? Buffer.allocUnsafe(Math.min(this.length, PROMISED));
    first.copy(this.#target, 0, 0, this.received);
    if (this.complete) return this.#whole();
    this.#settled = Promise.withResolvers();
    return this.#settled.promise;
  }

  /** The handler has returned: what it did not claim, nobody will. */
  forgetFirst(): void {
    this.#first = undefined;
  }

  /** Bytes that lie elsewhere; returns how many of them are this body's. */
  copyFrom(bytes: Buffer): number {
    const count = Math.min(bytes.length, this.length - this.received);
    if (this.#target !== undefined) {
      this.#makeRoom(count);
      if (this.#target !== undefined) bytes.copy(this.#target, this.received, 0, count);
    }
    this.#add(count);
    return count;
  }

  /** Where the next bytes may be read to, all of them this body's; undefined where that is not worth it. */
  get nextBuffer(): Buffer | undefined {
    if (this.#target === undefined || this.length - this.received < WORTH_A_BUFFER) return undefined;
    this.#makeRoom(WORTH_A_BUFFER);
    return this.#target?.subarray(this.received, Math.min(this.length, this.#target.length));
  }

  /** Bytes that were read into `nextBuffer`. */
  readInPlace(count: number): void {
    this.#add(count);
  }

  /** The rest will not come. The caller must have stopped reading into `nextBuffer`. */
  fail(error: RouterError): void {
    const settled = this.#settled;
    this.#settled = undefined;
    settled?.reject(error);
  }

  /** Its memory may be another's as soon as this has returned, and libuv knows where the next read was to go. */
  evict(): void {
    this.#reader.stopReading();
    this.#target = undefined;
    this.release();
    this.fail(tooSlow());
  }

  /** Nothing reads into its memory any more; what somebody has been given stays theirs. */
  release(): void {
    if (this.reserved > 0) bodyBudget.forget(this);
    releaseBody(this);
  }

  #add(count: number): void {
    this.received += count;
    const settled = this.#settled;
    if (this.complete) settled?.resolve(this.#whole());
  }

  #whole(): ReadBody {
    const { slab, reserved } = this;
    if (reserved > 0) bodyBudget.forget(this);
    const whole = { body: this.#target!.subarray(0, this.length), slab, reserved };
    // Whoever has it now decides how long it is kept.
    this.#target = this.slab = this.#settled = undefined;
    this.reserved = 0;
    return whole;
  }

  /** Room for `count` bytes more, which is room for all of it; no target any more where there is none. */
  #makeRoom(count: number): void {
    const target = this.#target!;
    if (bodyBudget.shut && this.length - this.received > PROMISED) {
      this.#giveUp();
      return;
    }
    if (this.received + count <= target.length) return;
    // Of what has been given up already the rest is thrown away.
    if (this.#settled === undefined || !bodyBudget.reserve(this.length, this)) {
      this.#giveUp();
      return;
    }
    this.reserved = this.length;
    this.slab = takeLongSlab(this.length);
    const whole = this.slab ?? Buffer.allocUnsafeSlow(this.length);
    target.copy(whole, 0, 0, this.received);
    this.#target = whole;
  }

  /** What it has of the budget goes back with the connection, which ends. */
  #giveUp(): void {
    this.#target = undefined;
    this.fail(noRoom());
  }
}

/** It ends the connection: the rest of the body is still on its way. */
export function bodyTooLarge(limit: number): RouterError {
  return new RouterError('body_too_large', { limit: formatSize(limit) }, CLOSE);
}

/** Likewise. */
export function noRoom(): RouterError {
  return new RouterError('overloaded', {}, CLOSE);
}

/** Likewise: it has taken too long, or others need its room. */
export function tooSlow(): RouterError {
  return new RouterError('request_timeout', {}, CLOSE);
}

const CLOSE = { headers: { connection: 'close' } };
