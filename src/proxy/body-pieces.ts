/** Bytes from which on a piece is kept as it is. It may be what is left of a read of twice that, whose memory it keeps. */
const KEPT = 32 * 1024;
/** Bytes that smaller ones are copied to: as many as there are already, within these bounds. */
const LEAST = 4 * 1024;
const MOST = 64 * 1024;

/**
 * What has come of a body, in as few buffers as its length asks for, however small the pieces are that it comes in. One `Buffer` for each
 * chunk of a single byte was 250 bytes of memory for each byte: a client that sent 30 MiB so took 8 GB.
 */
export class BodyPieces {
  readonly #list: Buffer[] = [];
  #length = 0;
  /** Where small pieces go; what lies before `#from` is in the list already. */
  #target = NONE;
  #from = 0;
  #to = 0;

  get length(): number {
    return this.#length;
  }

  add(piece: Buffer): void {
    if (piece.length >= KEPT) {
      this.#putAway();
      this.#list.push(piece);
    } else this.#copy(piece);
    this.#length += piece.length;
  }

  /** All of it, in order. */
  take(): readonly Buffer[] {
    this.#putAway();
    return this.#list;
  }

  #copy(piece: Buffer): void {
    const copied = piece.copy(this.#target, this.#to);
    this.#to += copied;
    if (copied === piece.length) return;
    this.#putAway();
    this.#target = Buffer.allocUnsafeSlow(Math.max(LEAST, Math.min(MOST, this.#length), piece.length - copied));
    this.#from = 0;
    this.#to = piece.copy(this.#target, 0, copied);
  }

  #putAway(): void {
    if (this.#to > this.#from) this.#list.push(this.#target.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}

const NONE = Buffer.alloc(0);
