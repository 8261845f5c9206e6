import type { ChunkRanges } from '../../backends/pool.ts';

/**
 * Walks chunked framing to find its end and where the payload lies, without copying a byte (RFC 9112 §7.1). Strict: sizes
 * are 1–8 hexadecimal digits, lines end in CRLF, extensions are skipped but bounded, trailers are read and dropped.
 * A response that breaks the rules is an error, never a guess: guessing is how responses get split.
 *
 *   SIZE ──ext──► EXT ─┐
 *     └───── CR ───────┴► SIZE_LF ─► DATA ─► DATA_CR ─► DATA_LF ─► SIZE …
 *                             └─ size 0 ─► TRAILER_START ─► TRAILER_NAME ─► TRAILER ─► … ─► END_LF ─► done
 */
const SIZE = 0;
const EXT = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER_START = 6;
const TRAILER = 7;
const TRAILER_LF = 8;
const END_LF = 9;
const TRAILER_NAME = 10;

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
/** Bytes of extensions and trailers that one response may carry. */
const MAX_OVERHEAD = 16 * 1024;

export class ChunkScanner implements ChunkRanges {
  #state = SIZE;
  #left = 0;
  #digits = 0;
  #overhead = 0;
  /** Extensions are this hop's: a read that holds one is framed anew for the client. */
  #extended = false;
  whole = true;
  offsets = new Int32Array(16);
  count = 0;
  /** The last chunk and its trailers are complete. */
  done = false;
  /** Where the bytes that belong in front of the last chunk end. */
  bodyEnd = 0;

  reset(): void {
    this.#state = SIZE;
    this.#left = 0;
    this.#digits = 0;
    this.#overhead = 0;
    this.#extended = false;
    this.done = false;
  }

  /** Reads [start, end); returns how far it got: `end`, or less when `done`. -1 = malformed. */
  feed(buffer: Buffer, start: number, end: number): number {
    let state = this.#state;
    let at = start;
    let lastBoundary = state === SIZE && this.#digits === 0 ? start : -1;
    const startsWhole = lastBoundary === start;
    this.count = 0;
    this.bodyEnd = -1;
    while (at < end) {
      if (state === DATA) {
        const take = Math.min(this.#left, end - at);
        this.#push(at, at + take);
        at += take;
        this.#left -= take;
        if (this.#left === 0) state = DATA_CR;
        continue;
      }
      const byte = buffer[at++]!;
      switch (state) {
        case SIZE: {
          const digit = hex(byte);
          if (digit >= 0) {
            if (++this.#digits > 8) return -1;
            this.#left = this.#left * 16 + digit;
          } else if (this.#digits === 0) return -1;
          else if (byte === CR) state = SIZE_LF;
          else if (byte === 0x3b) {
            state = EXT;
            this.#extended = true;
          } else return -1;
          break;
        }
        case EXT:
          if (byte === CR) state = SIZE_LF;
          else if (!isText(byte) || ++this.#overhead > MAX_OVERHEAD) return -1;
          break;
        case SIZE_LF:
          if (byte !== LF) return -1;
          this.#digits = 0;
          if (this.#left > 0) state = DATA;
          else {
            state = TRAILER_START;
            // What lies before the last chunk's size line is body; a size line cut by a read border began in an earlier read.
            this.bodyEnd = lastBoundary >= 0 ? lastBoundary : start;
          }
          break;
        case DATA_CR:
          if (byte !== CR) return -1;
          state = DATA_LF;
          break;
        case DATA_LF:
          if (byte !== LF) return -1;
          state = SIZE;
          lastBoundary = at;
          break;
        case TRAILER_START:
          if (byte === CR) state = END_LF;
          else if (!isToken(byte) || ++this.#overhead > MAX_OVERHEAD) return -1;
          else state = TRAILER_NAME;
          break;
        case TRAILER_NAME:
          if (byte === COLON) state = TRAILER;
          else if (!isToken(byte) || ++this.#overhead > MAX_OVERHEAD) return -1;
          break;
        case TRAILER:
          if (byte === CR) state = TRAILER_LF;
          else if (!isText(byte) || ++this.#overhead > MAX_OVERHEAD) return -1;
          break;
        case TRAILER_LF:
          if (byte !== LF) return -1;
          state = TRAILER_START;
          break;
        default:
          if (byte !== LF) return -1;
          this.done = true;
          this.#finish(state, startsWhole, lastBoundary, start, at);
          return at;
      }
    }
    this.#finish(state, startsWhole, lastBoundary, start, at);
    return at;
  }

  #finish(state: number, startsWhole: boolean, lastBoundary: number, start: number, at: number): void {
    this.#state = state;
    const inTail = state >= TRAILER_START;
    if (inTail && this.bodyEnd < 0) this.bodyEnd = start;
    if (!inTail) this.bodyEnd = at;
    this.whole = startsWhole && !this.#extended && (inTail || lastBoundary === at);
    if (lastBoundary === at) this.#extended = false;
  }

  #push(start: number, end: number): void {
    if (this.count + 2 > this.offsets.length) {
      const grown = new Int32Array(this.offsets.length * 2);
      grown.set(this.offsets);
      this.offsets = grown;
    }
    this.offsets[this.count++] = start;
    this.offsets[this.count++] = end;
  }
}

/** What a header's value may hold: no control character but the tab. */
function isText(byte: number): boolean {
  return (byte >= 0x20 && byte !== 0x7f) || byte === 0x09;
}

/** RFC 9110 §5.6.2; 0 and 1 by byte. */
const TOKEN = new Uint8Array(256);
for (const byte of Buffer.from("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
  TOKEN[byte] = 1;

function isToken(byte: number): boolean {
  return TOKEN[byte] === 1;
}

function hex(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
