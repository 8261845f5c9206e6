/** An event longer than this is passed on in parts: memory per stream is bounded. */
const MAX_PARTIAL = 256 * 1024;

/** Keeps back the part of an event whose end has not come yet. */
export class EventSplitter {
  #partial: Buffer | undefined;

  get empty(): boolean {
    return this.#partial === undefined;
  }

  /** The whole events that `piece` completes, as one buffer; undefined when there is none. */
  push(piece: Buffer): Buffer | undefined {
    const joined = this.#partial === undefined ? piece : Buffer.concat([this.#partial, piece]);
    const end = eventsEnd(joined);
    if (end === joined.length || joined.length > MAX_PARTIAL) {
      this.#partial = undefined;
      return joined;
    }
    this.#partial = joined.subarray(end);
    return end === 0 ? undefined : joined.subarray(0, end);
  }

  /** What is left at the end of the stream. */
  rest(): Buffer {
    const rest = this.#partial ?? Buffer.alloc(0);
    this.#partial = undefined;
    return rest;
  }
}

/** Whether the bytes before `end` close an event: an empty line, with either line end. */
export function endsEvent(bytes: Buffer, end: number): boolean {
  if (bytes[end - 1] !== 0x0a) return false;
  return bytes[end - 2] === 0x0a || (bytes[end - 2] === 0x0d && bytes[end - 3] === 0x0a);
}

function eventsEnd(bytes: Buffer): number {
  if (endsEvent(bytes, bytes.length)) return bytes.length;
  const lf = bytes.lastIndexOf('\n\n');
  const crlf = bytes.lastIndexOf('\n\r\n');
  return Math.max(lf < 0 ? 0 : lf + 2, crlf < 0 ? 0 : crlf + 3);
}
