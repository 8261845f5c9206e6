/** Work as far as its duration depends on it. */
export interface Work {
  readonly model: string;
  /** Asked for as a stream: then the first byte comes with the first token, else with the whole answer. */
  readonly stream: boolean;
  /** Bytes of the request's body. */
  readonly size: number;
}

/** How long one request took to its first byte. */
interface Pace extends Work {
  /** Monotonic ms when it was sent. */
  sentAt: number;
  took: number;
  model: string;
  stream: boolean;
  size: number;
}

const KEPT = 32;
/** Prompts below this take much the same time: what counts then is not their length. */
const SMALL = 4_096;

/** The last first bytes of one backend, for comparing backends with each other. */
export class Paces {
  readonly #paces: Pace[] = [];
  #next = 0;

  add(sentAt: number, took: number, { model, stream, size }: Work): void {
    const pace = this.#paces[this.#next];
    if (pace === undefined) this.#paces.push({ sentAt, took, model, stream, size });
    else {
      pace.sentAt = sentAt;
      pace.took = took;
      pace.model = model;
      pace.stream = stream;
      pace.size = size;
    }
    this.#next = (this.#next + 1) % KEPT;
  }

  /**
   * What requests sent since `since` needed, the slowest of them, scaled to the size of `work`: prefill takes time by length. And how
   * many there were of its kind.
   */
  since(since: number, work: Work): { readonly count: number; readonly slowest: number } {
    let count = 0;
    let slowest = 0;
    for (const { sentAt, took, model, stream, size } of this.#paces) {
      if (sentAt < since || model !== work.model || stream !== work.stream) continue;
      count++;
      slowest = Math.max(slowest, took * Math.max(1, work.size / Math.max(size, SMALL)));
    }
    return { count, slowest };
  }
}
