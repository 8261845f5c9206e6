import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** Shares of the memory at which connections are asked to end, and at which requests are refused; Envoy's figures. */
const HIGH = 0.92;
const FULL = 0.95;
/** ms between two looks. */
const INTERVAL = 1_000;

export type Pressure = 'none' | 'high' | 'full';

/** Watches the memory of the process against what it may have: a router that is killed takes every stream with it. */
export class MemoryPressure {
  readonly #used: () => number;
  readonly #onChange: (pressure: Pressure) => void;
  readonly #timer: NodeJS.Timeout;
  #level: Pressure = 'none';

  /** `used`: the share of its memory that the process has, 0..1. */
  constructor(onChange: (pressure: Pressure) => void, used: () => number = shareUsed) {
    this.#used = used;
    this.#onChange = onChange;
    this.#timer = setInterval(() => this.look(), INTERVAL);
    this.#timer.unref();
  }

  get level(): Pressure {
    return this.#level;
  }

  look(): void {
    const used = this.#used();
    const level = used >= FULL ? 'full' : used >= HIGH ? 'high' : 'none';
    if (level === this.#level) return;
    this.#level = level;
    this.#onChange(level);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** The heap against V8's limit, or the whole process against the container's: whichever is nearer to its end. */
function shareUsed(): number {
  const { used_heap_size, heap_size_limit } = getHeapStatistics();
  return Math.max(used_heap_size / heap_size_limit, residentSize() / memoryLimit());
}

let resident = 0;

/** Bytes; the last known where it cannot be read: Node opens a file for it, which takes a descriptor that there may not be. */
function residentSize(): number {
  try {
    resident = process.memoryUsage.rss();
  } catch {
    // Thrown in a timer, it ended the process.
  }
  return resident;
}

let limit: number | undefined;

/** Bytes that the process may use: what its container has, or else the machine. */
export function memoryLimit(): number {
  limit ??= readLimit() ?? totalmem();
  return limit;
}

/** Of the container, by cgroup v2 or v1; undefined where there is none. */
function readLimit(): number | undefined {
  for (const file of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const bytes = Number(readFileSync(file, 'utf8'));
      if (bytes > 0 && bytes < totalmem()) return bytes;
    } catch {
      // The other version, or none.
    }
  }
  return undefined;
}
