import { BODY_MEMORY, SLABS } from '../body-memory.ts';
import { returnLargeSlab, takeLargeSlab } from './large-slabs.ts';

/**
 * Buffers for large bodies, used again and again. Freshly mapped memory for each 220 KB prompt costs more in page faults and garbage
 * collection than copying the prompt does: half of the router's time for such a request (measured). They lie where bodies are scanned
 * and hashed, which saves another copy.
 */
const SMALLEST = 32 * 1024;
const LARGEST = 4 * 1024 * 1024;

/** Slabs nobody uses, by length: a power of two. Memory given to one length stays with it. */
const free = new Map<number, Buffer[]>();
let unused: number = SLABS.start;

/** A slab of at least `size` bytes; undefined where an ordinary buffer serves as well, and while all memory for slabs is in use. */
export function takeSlab(size: number): Buffer | undefined {
  if (!(size >= SMALLEST && size <= LARGEST)) return undefined;
  const length = 2 ** Math.ceil(Math.log2(size));
  const slab = free.get(length)?.pop();
  if (slab !== undefined || unused + length > SLABS.start + SLABS.length) return slab;
  unused += length;
  return Buffer.from(BODY_MEMORY, unused - length, length);
}

/**
 * As `takeSlab`, for somebody who has sent enough of so long a body that memory for all of it is due; undefined for what the memory of
 * bodies is for.
 */
export function takeLongSlab(size: number): Buffer | undefined {
  return size > LARGEST ? takeLargeSlab(size) : undefined;
}

/** To be called only when nothing reads the slab any more, sockets included. */
export function returnSlab(slab: Buffer): void {
  if (slab.length > LARGEST) {
    returnLargeSlab(slab);
    return;
  }
  const list = free.get(slab.length);
  if (list === undefined) free.set(slab.length, [slab]);
  else list.push(slab);
}
