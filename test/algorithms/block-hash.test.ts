import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockHash } from '../../src/algorithms/prefix-aware/block-hash.ts';
import { BODY_MEMORY, SLABS } from '../../src/body-memory.ts';

const hash = new BlockHash();

function hashOf(body: Uint8Array, start = 0, end = body.length, seed = 1): string {
  hash.begin(seed, body, start, end);
  hash.add(body, start, end);
  return `${hash.low}/${hash.high}`;
}

const text = (length: number, seed = 7) => Buffer.from(Array.from({ length }, (_, at) => 32 + ((at * at * seed) % 90)));

test('the hash of a piece does not depend on where it lies', () => {
  const slabs = new Uint8Array(BODY_MEMORY, SLABS.start, 4_000_000);
  const sizes = fc.oneof(fc.integer({ min: 128, max: 2_000 }), fc.integer({ min: 120_000, max: 400_000 }));
  fc.assert(
    fc.property(sizes, fc.nat(300), (length, place) => {
      const bytes = text(length);
      const elsewhere = Buffer.concat([text(place, 3), bytes, text(50, 5)]);
      slabs.set(elsewhere);
      const expected = hashOf(bytes);
      assert.equal(hashOf(elsewhere, place, place + length), expected);
      assert.equal(hashOf(slabs, place, place + length), expected);
    }),
    { numRuns: 50 },
  );
});

test('each bit of a piece, its seed, and the order of its parts count', () => {
  for (const length of [128, 129, 160, 255, 256, 300, 512, 576]) {
    const bytes = text(length);
    const seen = new Set([
      hashOf(bytes),
      hashOf(bytes, 0, length, 2),
      hashOf(Buffer.concat([bytes, bytes]), 0, length + 1),
    ]);
    assert.equal(seen.size, 3);
    for (let bit = 0; bit < 8 * length; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      seen.add(hashOf(bytes));
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    assert.equal(seen.size, 3 + 8 * length);
  }
  // Each way to swap two of its words.
  const bytes = text(512);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, 128);
  const seen = new Set([hashOf(bytes)]);
  let swaps = 0;
  for (let one = 0; one < words.length; one++) {
    for (let other = one + 1; other < words.length; other++) {
      if (words[one] === words[other]) continue;
      swaps++;
      [words[one], words[other]] = [words[other]!, words[one]!];
      seen.add(hashOf(bytes));
      [words[one], words[other]] = [words[other]!, words[one]!];
    }
  }
  assert.equal(seen.size, swaps + 1);
});

test('numbered texts and texts of one character have hashes that look like chance, in both halves', () => {
  const low = new Set<number>();
  const high = new Set<number>();
  const whole = new Set<string>();
  let bits = 0;
  let before = 0;
  let count = 0;
  const add = (bytes: Uint8Array) => {
    whole.add(hashOf(bytes));
    low.add(hash.low);
    high.add(hash.high);
    let differing = hash.low ^ before;
    for (; differing !== 0; differing &= differing - 1) bits++;
    before = hash.low;
    count++;
  };
  const bytes = Buffer.alloc(512, ' ');
  for (let place = 0; place < 512 - 8; place += 21) {
    bytes.fill(' ');
    // None is written the same at two places but for 0.
    for (let number = place === 0 ? 0 : 1; number < 2_000; number++) {
      bytes.write(String(number).padStart(5, ' '), place);
      add(bytes);
    }
  }
  for (let byte = 0; byte < 256; byte++)
    for (let length = 128; length < 512; length += 3) add(Buffer.alloc(length, byte));
  assert.equal(whole.size, count);
  // By chance 0.5 pairs in 2^32 of 80,000 are alike: count² ÷ 2^33.
  for (const half of [low, high]) assert.ok(half.size >= count - 6, `${count - half.size} of ${count} alike`);
  assert.ok(Math.abs(bits / count - 16) < 0.1, `${bits / count} bits of 32 differ`);
});
