/**
 * A vLLM engine's KV memory: blocks of prompts in use are pinned, blocks that nobody uses stay cached until the memory is
 * needed, least recently used first and of one prompt the last block first (vLLM frees a request's blocks in reverse).
 */
export class BlockCache {
  readonly capacity: number;
  readonly #nodes = new Map<number, Node>();
  /** A ring of the unpinned blocks: `idle.next` is the next one to evict. */
  readonly #idle: Node = newRing();
  #idleCount = 0;
  #pinnedCount = 0;
  /** Blocks in use that can never be shared: answers. */
  #privateCount = 0;

  /** `capacity` in blocks. */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Blocks in use as a share of all, what vLLM exports as `kv_cache_usage_perc`. */
  get usage(): number {
    return (this.#pinnedCount + this.#privateCount) / this.capacity;
  }

  get cachedBlocks(): number {
    return this.#idleCount + this.#pinnedCount;
  }

  /** How many blocks from the start are here. */
  match(blocks: Int32Array): number {
    let matched = 0;
    while (matched < blocks.length && this.#nodes.has(blocks[matched]!)) matched++;
    return matched;
  }

  /**
   * Pins the prompt's blocks and takes `extra` #ones; false, with nothing changed, when the memory in use by others
   * leaves no room.
   */
  acquire(blocks: Int32Array, extra: number): boolean {
    let missing = 0;
    let idleMatched = 0;
    for (const id of blocks) {
      const node = this.#nodes.get(id);
      if (node === undefined) missing++;
      else if (node.pins === 0) idleMatched++;
    }
    const available = this.capacity - this.#pinnedCount - this.#privateCount - idleMatched;
    if (available < missing + extra) return false;
    for (const id of blocks) {
      const node = this.#nodes.get(id);
      if (node !== undefined && node.pins++ === 0) {
        unlink(node);
        this.#idleCount--;
        this.#pinnedCount++;
      }
    }
    this.#makeRoom(missing + extra);
    for (const id of blocks) {
      if (this.#nodes.has(id)) continue;
      this.#nodes.set(id, { id, pins: 1, previous: undefined, next: undefined });
      this.#pinnedCount++;
    }
    this.#privateCount += extra;
    return true;
  }

  release(blocks: Int32Array, extra: number): void {
    this.#privateCount -= extra;
    for (let index = blocks.length - 1; index >= 0; index--) {
      const node = this.#nodes.get(blocks[index]!)!;
      if (--node.pins > 0) continue;
      this.#pinnedCount--;
      this.#idleCount++;
      insertBefore(this.#idle, node);
    }
  }

  #makeRoom(needed: number): void {
    let free = this.capacity - this.#pinnedCount - this.#privateCount - this.#idleCount;
    while (free < needed) {
      const victim = this.#idle.next!;
      unlink(victim);
      this.#nodes.delete(victim.id);
      this.#idleCount--;
      free++;
    }
  }
}

interface Node {
  readonly id: number;
  pins: number;
  previous: Node | undefined;
  next: Node | undefined;
}

function newRing(): Node {
  const ring: Node = { id: -1, pins: 0, previous: undefined, next: undefined };
  ring.previous = ring;
  ring.next = ring;
  return ring;
}

function unlink(node: Node): void {
  node.previous!.next = node.next;
  node.next!.previous = node.previous;
}

function insertBefore(ring: Node, node: Node): void {
  node.previous = ring.previous;
  node.next = ring;
  ring.previous!.next = node;
  ring.previous = node;
}
