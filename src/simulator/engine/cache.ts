/** Block-wise prefix cache: least recently used blocks go first. Keys are chained (`blockKeys`). */
export class PrefixCache {
  private readonly capacity: number;
  /** Insertion order is the order of use. */
  private readonly blocks = new Map<number, true>();

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.blocks.size;
  }

  /** Blocks at the head of `keys` that are held, at most `limit`; they count as used now. */
  match(keys: readonly number[], limit: number): number {
    let held = 0;
    while (held < limit && held < keys.length && this.blocks.has(keys[held]!)) held++;
    // Tail first: of one prompt the tail has to be evicted before the head, which more prompts share.
    for (let i = held - 1; i >= 0; i--) this.touch(keys[i]!);
    return held;
  }

  insert(keys: readonly number[]): void {
    if (this.capacity === 0) return;
    for (let i = Math.min(keys.length, this.capacity) - 1; i >= 0; i--) this.touch(keys[i]!);
    if (this.blocks.size <= this.capacity) return;
    for (const key of this.blocks.keys()) {
      this.blocks.delete(key);
      if (this.blocks.size <= this.capacity) break;
    }
  }

  clear(): void {
    this.blocks.clear();
  }

  private touch(key: number): void {
    this.blocks.delete(key);
    this.blocks.set(key, true);
  }
}
