import { returnSlab } from './body-slabs.ts';

/**
 * A quarter of what the process may use. The rest is for copies and for everything else: a body without a declared length lies there in
 * pieces and joined; with an alias there is an edited copy beside it, with disaggregated prefill there are two; a slab that is used again
 * may be twice as long as its body, and large-slabs.ts keeps 64 MiB that nobody uses.
 */
const SHARE = 1 / 4;
/** Where room is short, a body makes room for others that has had its own for so many ms, and has come with fewer bytes per ms since. */
const TRIED = 5_000;
const SLOW = (256 * 1024) / 1_000;

/** A body of which some is still to come. */
export interface IncomingBody extends BodyMemory {
  /** Bytes that have come. */
  readonly received: number;
  /** Somebody else gets its room: it is to be given back before this returns. */
  evict(): void;
}

/**
 * How many bytes of long bodies the process holds at once. Forty clients with 30 MB each got a router in a container of 1 GiB killed, with
 * every stream: the pressure on memory was looked at before a body was read, and what had been admitted then grew. Counted is what has more
 * than `PROMISED` bytes and does not lie in the slabs of body-slabs.ts, whose memory is there anyway.
 *
 * A length is counted whole, so that who has begun can come to an end. Eight clients that promised 32 MiB each and sent no more than the
 * first had all the room of 1 GiB for a minute, and then again: where there is none left, the slowest lose theirs.
 */
export class BodyBudget {
  readonly #now: () => number;
  #limit = 1024 * 1024 * 1024;
  #held = 0;
  /** Those with room, the oldest first: when they got it, and how much of them had come by then. */
  readonly #incoming = new Map<IncomingBody, { readonly since: number; readonly from: number }>();
  /** No more at all, until memory is free again. */
  shut = false;

  /** `now`: monotonic ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** `memory`: bytes the process may use; `largest`: of the bodies that listeners accept. One of those has room, however little there is. */
  configure(memory: number, largest: number): void {
    this.#limit = Math.max(memory * SHARE, largest);
  }

  get held(): number {
    return this.#held;
  }

  /** Whether there was room, or could be made; then `forget` is to be called with the body, and `giveBack` with as much. */
  reserve(bytes: number, body: IncomingBody): boolean {
    if (this.shut || !(this.#hasRoom(bytes) || this.#makeRoom(bytes, body))) return false;
    this.#held += bytes;
    if (!this.#incoming.has(body)) this.#incoming.set(body, { since: this.#now(), from: body.received });
    return true;
  }

  /** It is complete, or nobody waits for it: what it has is not to be taken any more. */
  forget(body: IncomingBody): void {
    this.#incoming.delete(body);
  }

  giveBack(bytes: number): void {
    this.#held -= bytes;
  }

  #hasRoom(bytes: number): boolean {
    return this.#held + bytes <= this.#limit;
  }

  /** Evicts the slowest, as many as it takes; nobody where all that are slow would not be enough. */
  #makeRoom(bytes: number, newcomer: IncomingBody): boolean {
    const now = this.#now();
    const slow: { readonly body: IncomingBody; readonly rate: number }[] = [];
    for (const [body, { since, from }] of this.#incoming) {
      const age = now - since;
      if (age < TRIED) break;
      const rate = (body.received - from) / age;
      if (rate < SLOW && body !== newcomer) slow.push({ body, rate });
    }
    slow.sort((a, b) => a.rate - b.rate);
    let missing = this.#held + bytes - this.#limit;
    let count = 0;
    while (missing > 0 && count < slow.length) missing -= slow[count++]!.body.reserved;
    if (missing > 0) return false;
    for (const { body } of slow.slice(0, count)) body.evict();
    return this.#hasRoom(bytes);
  }
}

/** One for the process, as its memory is. */
export const bodyBudget = new BodyBudget();

/** What a body lies in, where that is to be returned, and how many bytes of the budget are its. */
export interface BodyMemory {
  slab: Buffer | undefined;
  reserved: number;
}

/** To be called only when nothing reads the body any more, sockets included; as often as one likes. */
export function releaseBody(memory: BodyMemory): void {
  const { slab, reserved } = memory;
  memory.slab = undefined;
  memory.reserved = 0;
  if (slab !== undefined) returnSlab(slab);
  if (reserved > 0) bodyBudget.giveBack(reserved);
}
