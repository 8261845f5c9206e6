import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CacheAge } from '../../src/algorithms/prefix-aware/cache-age.ts';
import { TokenEstimate } from '../../src/algorithms/prefix-aware/token-estimate.ts';

function fresh(): CacheAge {
  const age = new CacheAge(2);
  age.reset(0);
  age.reset(1);
  return age;
}

test('everything counts as cached until something was seen to be gone', () => {
  const age = fresh();
  const stamp = age.advance(0, 1000);
  age.advance(0, 1e9);
  assert.ok(age.isFresh(0, stamp));
});

test('what is gone is gone with all that was used no later, and nothing younger', () => {
  const age = fresh();
  const older = age.advance(0, 1000);
  const gone = age.advance(0, 1000);
  const younger = age.advance(0, 1000);
  age.found(0, younger, 0);
  age.missed(0, gone, age.age(0, gone));
  assert.deepEqual(
    [older, gone, younger].map((stamp) => age.isFresh(0, stamp)),
    [false, false, true],
  );
});

test('one backend says nothing of another', () => {
  const age = fresh();
  const mine = age.advance(0, 1000);
  const other = age.advance(1, 1000);
  age.found(0, mine, 0);
  age.missed(0, mine, age.age(0, mine));
  assert.ok(age.isFresh(1, other));
});

test('an engine that never found anything may not count at all: its zeroes say nothing', () => {
  const age = fresh();
  const stamp = age.advance(0, 1000);
  age.missed(0, stamp, 0);
  assert.ok(age.isFresh(0, stamp));
});

test("the engine's own size is a bound from the start", () => {
  const age = fresh();
  age.bound(0, 100_000);
  const stamp = age.advance(0, 1000);
  age.advance(0, 90_000);
  assert.ok(age.isFresh(0, stamp));
  age.advance(0, 20_000);
  assert.ok(!age.isFresh(0, stamp));
});

test('it learns how far back a cache reaches, up and down, within a tenth', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2000, max: 100_000 }), fc.nat(), (size, seed) => {
      const age = fresh();
      const stamps: number[] = [];
      let state = seed;
      const random = () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state / 2 ** 32;
      };
      for (let count = 0; count < 3000; count++) {
        const stamp = stamps[Math.floor(random() * Math.min(stamps.length, 400))];
        if (stamp !== undefined) {
          const old = age.age(0, stamp);
          if (old * 16 <= size) age.found(0, stamp, old);
          else age.missed(0, stamp, old);
        }
        stamps.unshift(age.advance(0, size / 100));
      }
      const now = stamps[0]!;
      const oldest = stamps.findLast((stamp) => age.isFresh(0, stamp))!;
      const reach = ((now - oldest) >>> 0) * 16;
      assert.ok(reach > 0.85 * size && reach < 1.15 * size, `${reach} for ${size}`);
    }),
    { numRuns: 20 },
  );
});

test('stamps go round', () => {
  const age = fresh();
  for (let count = 0; count < 20; count++) {
    const stamp = age.advance(0, 8e9);
    assert.notEqual(stamp, 0);
    age.advance(0, 1600);
    assert.equal(age.age(0, stamp), 100);
  }
});

test('tokens are a quarter of the bytes until usage teaches better; media teach nothing', () => {
  const tokens = new TokenEstimate();
  assert.equal(tokens.tokensPerByte(1000), 1 / 4);
  for (let count = 0; count < 200; count++) tokens.counted(6000, 2000);
  assert.ok(Math.abs(tokens.tokensPerByte(1000) - 1 / 3) < 0.01);
  tokens.counted(10_000_000, 1000);
  tokens.counted(0, 0);
  assert.ok(Math.abs(tokens.tokensPerByte(1000) - 1 / 3) < 0.01);
  assert.ok(tokens.tokensPerByte(10_000_000) * 10_000_000 <= 131_072, 'an image is not a million tokens');
});

test('of an engine that tells nothing a block is believed in the less the longer ago it was used', () => {
  const age = fresh();
  const stamp = age.advance(0, 1000);
  assert.equal(age.belief(0, stamp), 1);
  age.advance(0, 400_000);
  assert.ok(Math.abs(age.belief(0, stamp) - 0.5) < 0.01);
  age.advance(0, 3_600_000);
  assert.ok(age.belief(0, stamp) < 0.02);
});

test('what an engine tells of itself takes the place of guesses', () => {
  const age = fresh();
  const reported = age.advance(0, 1000);
  age.found(0, reported, 0);
  const bounded = age.advance(1, 1000);
  age.bound(1, 10_000_000);
  for (const slot of [0, 1]) age.advance(slot, 4_000_000);
  assert.equal(age.belief(0, reported), 1);
  assert.equal(age.belief(1, bounded), 1);
});
