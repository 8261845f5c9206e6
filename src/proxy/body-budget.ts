import { returnSlab } from './body-slabs.ts';

/**
 * A quarter of what the process may use. The rest is for copies and for everything else: a body without a declared length lies there in
 * pieces and joined; with an alias there is an edited copy beside it, with disaggregated prefill there are two; a slab that is used again
 * may be twice as long as its body, and large-slabs.ts keeps 64 MiB that nobody uses.
 */
const SHARE = 1 / 4;

/**
 * How many bytes of long bodies the process holds at once. Forty clients with 30 MB each got a router in a container of 1 GiB killed, with
 * every stream: the pressure on memory was looked at before a body was read, and what had been admitted then grew. Counted is what has more
 * than `PROMISED` bytes and does not lie in the slabs of body-slabs.ts, whose memory is there anyway.
 */
class BodyBudget {
  #limit = 1024 * 1024 * 1024;
  #held = 0;
  /** No more at all, until memory is free again. */
  shut = false;

  /** `memory`: bytes the process may use; `largest`: of the bodies that listeners accept. One of those has room, however little there is. */
  configure(memory: number, largest: number): void {
    this.#limit = Math.max(memory * SHARE, largest);
  }

  get held(): number {
    return this.#held;
  }

  /** Whether there was room; then `giveBack` is to be called with as much. */
  reserve(bytes: number): boolean {
    if (this.shut || this.#held + bytes > this.#limit) return false;
    this.#held += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#held -= bytes;
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
