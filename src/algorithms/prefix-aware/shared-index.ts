import { PrefixIndex } from './prefix-index.ts';

const KEY = 'prefix-aware';

/**
 * The process's index of that size: routes share it, since what one of them sent to a backend is cached there for all, and
 * a reload finds it again. It goes when no algorithm uses it any more. Without `shared`, one of its own.
 */
export function sharedIndex(shared: Map<string, unknown> | undefined, bytes: number): PrefixIndex {
  // No weak reference here: it holds its target to the end of the job, and a simulator makes hundreds in one.
  if (shared === undefined) return new PrefixIndex(bytes);
  const indexes = (shared.get(KEY) ?? new Map()) as Map<number, WeakRef<PrefixIndex>>;
  shared.set(KEY, indexes);
  const known = indexes.get(bytes)?.deref();
  if (known !== undefined) return known;
  for (const [size, index] of indexes) if (index.deref() === undefined) indexes.delete(size);
  const index = new PrefixIndex(bytes);
  indexes.set(bytes, new WeakRef(index));
  return index;
}
