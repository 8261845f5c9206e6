import { crc32 } from 'node:zlib';
import { BlockHash } from './block-hash.ts';

/**
 * Prompts are cut at fixed places: every 512 bytes, and from 4 KiB on at an eighth more than what lies before. A 2 KB
 * prompt has 4 blocks, a 220 KB one 41, and what two prompts share is known to an eighth. In the simulator a quarter or a
 * sixteenth instead places requests no better or worse.
 */
const SMALLEST = 512;
const GROWTH = 8;
const LARGEST_PROMPT = 2 ** 30;

/** Bytes from the prompt's start to where its first n blocks end, at index n. */
export const BLOCK_ENDS: Uint32Array = blockEnds();

/** The most blocks a prompt can have; what lies beyond them is not looked at. */
export const MAX_BLOCKS = BLOCK_ENDS.length - 1;

function blockEnds(): Uint32Array {
  const ends = [0];
  for (let end = SMALLEST; end <= LARGEST_PROMPT; end += Math.max(SMALLEST, Math.floor(end / GROWTH))) ends.push(end);
  return Uint32Array.from(ends);
}

/**
 * The chained hashes of one prompt's whole blocks, 64 bits each; one object is used again for every prompt. Block n's is of the prompt up to
 * its end, so two prompts that differ get the same only by chance, at most one in 2^32, and then one request goes to a wrong backend.
 */
export class PromptBlocks {
  count = 0;
  /** Bytes of the whole prompt. */
  bytes = 0;
  readonly low: Uint32Array = new Uint32Array(MAX_BLOCKS);
  readonly high: Uint32Array = new Uint32Array(MAX_BLOCKS);
  readonly #hash = new BlockHash();

  /** `seed` is what must agree besides the bytes: the name of the model or LoRA adapter. */
  hash(seed: string, body: Buffer, start: number, end: number): void {
    const hash = this.#hash;
    const bytes = end - start;
    hash.begin(crc32(seed), body, start, end);
    let count = 0;
    while (count < MAX_BLOCKS && BLOCK_ENDS[count + 1]! <= bytes) {
      hash.add(body, start + BLOCK_ENDS[count]!, start + BLOCK_ENDS[count + 1]!);
      this.low[count] = hash.low;
      this.high[count] = hash.high;
      count++;
    }
    this.count = count;
    this.bytes = bytes;
  }
}
