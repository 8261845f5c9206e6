/**
 * Buffers for bodies that are too long for the slabs in the memory of bodies. A new one of 33 MB for each body makes V8 collect all garbage
 * for each body, since it counts what lies outside its heap, and its helpers then take the core from the event loop for 20 ms and
 * more where there is but one; and its 8,000 pages are touched for the first time.
 */
const STEP = 4 * 1024 * 1024;
/** Bytes that are kept for the next body, and for how many ms without any. */
const KEPT = 64 * 1024 * 1024;
const KEPT_FOR = 10_000;

let free: Buffer[] = [];
let kept = 0;
let forget: NodeJS.Timeout | undefined;

/** A buffer of at least `size` bytes, whatever is in it. */
export function takeLargeSlab(size: number): Buffer {
  // Not one that is much too long: somebody else may need that.
  const at = free.findIndex(({ length }) => length >= size && length <= 2 * size);
  if (at < 0) return Buffer.allocUnsafeSlow(Math.ceil(size / STEP) * STEP);
  const [slab] = free.splice(at, 1);
  kept -= slab!.length;
  return slab!;
}

/** To be called only when nothing reads the slab any more. */
export function returnLargeSlab(slab: Buffer): void {
  if (kept + slab.length > KEPT) return;
  free.push(slab);
  kept += slab.length;
  if (forget === undefined) forget = setTimeout(forgetAll, KEPT_FOR).unref();
  else forget.refresh();
}

function forgetAll(): void {
  free = [];
  kept = 0;
  forget = undefined;
}
