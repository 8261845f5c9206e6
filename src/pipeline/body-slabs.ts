/**
 * Buffers for large bodies, used again and again. Freshly mapped memory for each 220 KB prompt costs more in page faults and garbage
 * collection than copying the prompt does: half of the router's time for such a request (measured).
 */
const SMALLEST = 32 * 1024;
const LARGEST = 4 * 1024 * 1024;
/** Bytes kept for later in all. */
const KEEP = 32 * 1024 * 1024;

const free = new Map<number, Buffer[]>();
let kept = 0;

/** A slab of at least `size` bytes; undefined where an ordinary buffer serves as well. */
export function takeSlab(size: number): Buffer | undefined {
  if (size < SMALLEST || size > LARGEST) return undefined;
  const length = 2 ** Math.ceil(Math.log2(size));
  const slab = free.get(length)?.pop();
  if (slab === undefined) return Buffer.allocUnsafeSlow(length);
  kept -= length;
  return slab;
}

/** To be called only when nothing reads the slab any more, sockets included. */
export function returnSlab(slab: Buffer): void {
  if (kept + slab.length > KEEP) return;
  kept += slab.length;
  const list = free.get(slab.length);
  if (list === undefined) free.set(slab.length, [slab]);
  else list.push(slab);
}
