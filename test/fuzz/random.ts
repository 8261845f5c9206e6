/** A seeded source of choices: the same seed and path give the same ones, whatever else runs. */
export class Random {
  #state: number;

  /** `path` tells one case, attempt or part from another. */
  constructor(seed: number, ...path: readonly number[]) {
    let state = seed | 0;
    for (const step of path) state = mix(state ^ Math.imul(step + 1, 0x9e37_79b1));
    this.#state = state;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    return (mix(this.#state) >>> 0) / 0x1_0000_0000;
  }

  /** Uniform in [from, to], both included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)]!;
  }

  /** One of the keys, as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return entries.at(-1)![0];
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.int(0, 255)));
  }

  /** `bytes` cut into pieces, most of them large, some of a single byte. */
  segments(bytes: Buffer): Buffer[] {
    const pieces: Buffer[] = [];
    const tiny = this.chance(0.1) && bytes.length < 2_000;
    for (let at = 0; at < bytes.length; ) {
      const size = tiny ? 1 : this.chance(0.2) ? this.int(1, 20) : this.int(1, Math.max(1, bytes.length));
      pieces.push(bytes.subarray(at, at + size));
      at += size;
    }
    return pieces;
  }
}

function mix(value: number): number {
  let t = Math.imul(value ^ (value >>> 15), 1 | value);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return t ^ (t >>> 14);
}
