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
  let best: Buffer | undefined;
  for (const slab of free) {
    // Not one that is much too long: somebody else may need that.
    if (slab.length < size || slab.length > 2 * size) continue;
    if (best === undefined || slab.length < best.length) best = slab;
  }
  if (best === undefined) return Buffer.allocUnsafeSlow(Math.ceil(size / STEP) * STEP);
  remove(best);
  return best;
}

/** To be called only when nothing reads the slab any more. */
export function returnLargeSlab(slab: Buffer): void {
  if (slab.length > KEPT) return;
  // What nobody has asked for longest goes first.
  while (kept + slab.length > KEPT) remove(free[0]!);
  free.push(slab);
  kept += slab.length;
  if (forget === undefined) forget = setTimeout(forgetAll, KEPT_FOR).unref();
  else forget.refresh();
}

function remove(slab: Buffer): void {
  free.splice(free.indexOf(slab), 1);
  kept -= slab.length;
}

function forgetAll(): void {
  free = [];
  kept = 0;
  forget = undefined;
}
