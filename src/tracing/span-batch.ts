/** Spans of one message. */
export const BATCH = 512;

const FIRST_SIZE = 64 * 1024;
const TAIL = ']}]}]}';

/**
 * Spans on their way into one message, as its bytes. As texts, which are trees of their parts until somebody reads them, they would
 * live long enough to be copied by the garbage collector more than once: half of all that a span costs (measured).
 */
export class SpanBatch {
  spans = 0;
  #bytes = Buffer.allocUnsafeSlow(FIRST_SIZE);
  #size: number;

  /** `resource`: attributes of who sends them. */
  constructor(resource: string) {
    const head =
      `{"resourceSpans":[{"resource":{"attributes":[${resource.slice(1)}]},` +
      '"scopeSpans":[{"scope":{"name":"vllm-router"},"spans":[';
    this.#size = this.#bytes.write(head, 0, 'latin1');
  }

  get full(): boolean {
    return this.spans >= BATCH;
  }

  /** As `spanJson` makes it: all ASCII. */
  add(span: string): void {
    const room = this.#size + span.length + 1 + TAIL.length;
    if (room > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(room, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#size);
      this.#bytes = larger;
    }
    if (this.spans > 0) this.#bytes[this.#size++] = 0x2c;
    this.#size += this.#bytes.write(span, this.#size, 'latin1');
    this.spans++;
  }

  /** The whole message; nothing is to be added any more. */
  message(): Buffer {
    const end = this.#size + this.#bytes.write(TAIL, this.#size, 'latin1');
    return this.#bytes.subarray(0, end);
  }
}
