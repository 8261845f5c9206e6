import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BLOCK_ENDS, MAX_BLOCKS, PromptBlocks } from '../../src/algorithms/prefix-aware/blocks.ts';

function hashes(text: Buffer, seed = 'm', start = 0, end = text.length): string[] {
  const blocks = new PromptBlocks();
  blocks.hash(seed, text, start, end);
  return Array.from({ length: blocks.count }, (_, at) => `${blocks.low[at]}/${blocks.high[at]}`);
}

test('blocks grow geometrically: 4 for 2 KB, some dozens for 220 KB, and none is too long', () => {
  const count = (bytes: number) => BLOCK_ENDS.findLastIndex((end) => end <= bytes);
  assert.deepEqual([count(511), count(512), count(2048), count(220_000)], [0, 1, 4, 41]);
  assert.ok(BLOCK_ENDS[MAX_BLOCKS]! > 2 ** 29);
  for (let at = 1; at <= MAX_BLOCKS; at++) {
    const size = BLOCK_ENDS[at]! - BLOCK_ENDS[at - 1]!;
    assert.ok(size >= 512 && size <= Math.max(512, BLOCK_ENDS[at - 1]! / 8), `block ${at}: ${size}`);
  }
});

test('two prompts agree in exactly the blocks before the first byte that differs', () => {
  fc.assert(
    fc.property(fc.nat(30_000), fc.nat(30_000), fc.nat(), (length, place, seed) => {
      const one = Buffer.from(Array.from({ length }, (_, at) => (at * 31 + seed) & 0xff));
      const other = Buffer.from(one);
      const differs = place % (length + 1);
      if (differs < length) other[differs] = other[differs]! ^ 1;
      const a = hashes(one);
      const b = hashes(other);
      const shared = BLOCK_ENDS.findLastIndex((end) => end <= differs);
      assert.deepEqual(a.slice(0, shared), b.slice(0, shared));
      for (let at = shared; at < a.length && differs < length; at++) assert.notEqual(a[at], b[at]);
    }),
  );
});

test('a longer prompt begins with the blocks of a shorter one', () => {
  const text = Buffer.from('the quick brown fox '.repeat(1000));
  const short = hashes(text, 'm', 0, 9000);
  assert.deepEqual(hashes(text).slice(0, short.length), short);
});

test('model and LoRA names separate, the place in the body does not', () => {
  const text = Buffer.from('x'.repeat(4000));
  assert.notEqual(hashes(text, 'base')[0], hashes(text, 'base-lora')[0]);
  const body = Buffer.concat([Buffer.from('{"messages":'), text, Buffer.from('}')]);
  assert.deepEqual(hashes(body, 'base', 12, 12 + text.length), hashes(text, 'base'));
});

test('equal blocks in different places have different hashes', () => {
  const blocks = hashes(Buffer.alloc(100_000));
  assert.equal(new Set(blocks).size, blocks.length);
});
