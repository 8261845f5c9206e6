import { hash } from 'node:crypto';

/** uhashring's default; the original router uses it. */
const VNODES = 160;
/** 32-bit words of an md5 digest. */
const WORDS = 4;

/** One member's points on the ring, unsorted: md5 of `{name}-{i}`. Weights multiply their number, as in uhashring. */
export function ringPoints(name: string, weight: number): Uint32Array {
  const count = Math.max(1, Math.round(VNODES * weight));
  const points = new Uint32Array(count * WORDS);
  for (let index = 0; index < count; index++) writeDigest(`${name}-${index}`, points, index * WORDS);
  return points;
}

/**
 * The ring of uhashring 2.3: points are md5 digests read as 128-bit integers, a key belongs to the first point strictly
 * greater than its own digest, the last one is followed by the first. Members are numbered by their position.
 */
export class Ring {
  readonly #points: Uint32Array;
  readonly #owners: Uint32Array;

  /** Each element holds one member's points, from `ringPoints`. */
  constructor(members: readonly Uint32Array[]) {
    const size = members.reduce((sum, points) => sum + points.length / WORDS, 0);
    this.#points = new Uint32Array(size * WORDS);
    this.#owners = new Uint32Array(size);
    this.#fill(members);
  }

  /** The first member along the ring from `key` for which `allowed[member]` is 1; -1 when there is none. */
  find(key: string, allowed: Uint8Array): number {
    const owners = this.#owners;
    const start = this.#firstGreater(key);
    for (let index = start; index < owners.length; index++) if (allowed[owners[index]!] === 1) return owners[index]!;
    for (let index = 0; index < start; index++) if (allowed[owners[index]!] === 1) return owners[index]!;
    return -1;
  }

  #firstGreater(key: string): number {
    writeDigest(key, keyDigest, 0);
    let low = 0;
    let high = this.#owners.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isGreater(this.#points, middle * WORDS, keyDigest, 0)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /**
   * Digests are uniform, so a counting sort by their first bits leaves about one per bucket and insertion does the rest:
   * 160,000 points of 1,000 backends take milliseconds, where a comparing sort took a tenth of a second of the event loop.
   */
  #fill(members: readonly Uint32Array[]): void {
    const bits = Math.max(1, Math.ceil(Math.log2(this.#owners.length + 1)));
    const starts = new Uint32Array(2 ** bits + 1);
    const bucket = (word: number) => word >>> (32 - bits);
    for (const points of members) {
      for (let at = 0; at < points.length; at += WORDS) starts[bucket(points[at]!) + 1]!++;
    }
    for (let index = 1; index < starts.length; index++) starts[index]! += starts[index - 1]!;
    const filled = new Uint32Array(starts.length);
    for (const [member, points] of members.entries()) {
      for (let at = 0; at < points.length; at += WORDS) {
        const key = bucket(points[at]!);
        const first = starts[key]!;
        let index = first + filled[key]!++;
        for (; index > first && isGreater(this.#points, (index - 1) * WORDS, points, at); index--) {
          this.#points.copyWithin(index * WORDS, (index - 1) * WORDS, index * WORDS);
          this.#owners[index] = this.#owners[index - 1]!;
        }
        for (let word = 0; word < WORDS; word++) this.#points[index * WORDS + word] = points[at + word]!;
        this.#owners[index] = member;
      }
    }
  }
}

const keyDigest = new Uint32Array(WORDS);

function isGreater(a: Uint32Array, atA: number, b: Uint32Array, atB: number): boolean {
  for (let word = 0; word < WORDS; word++) {
    const wordA = a[atA + word]!;
    const wordB = b[atB + word]!;
    if (wordA !== wordB) return wordA > wordB;
  }
  return false;
}

function writeDigest(text: string, into: Uint32Array, at: number): void {
  const digest = hash('md5', text, 'hex');
  for (let word = 0; word < WORDS; word++) {
    into[at + word] = Number.parseInt(digest.slice(word * 8, word * 8 + 8), 16);
  }
}
