import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { returnSlab, takeLongSlab, takeSlab } from '../../src/proxy/body-slabs.ts';

const MIB = 1024 * 1024;
mock.timers.enable({ apis: ['setTimeout'] });

test('a long body gets the memory of one before it, if that is not much too long', () => {
  assert.equal(takeLongSlab(4 * MIB), undefined, 'that is for the memory of the scanner');
  const first = takeLongSlab(31 * MIB + 1)!;
  assert.equal(first.length, 32 * MIB);
  const second = takeLongSlab(32 * MIB)!;
  assert.ok(second !== first);
  returnSlab(first);
  assert.ok(takeLongSlab(33 * MIB) !== first, 'too short');
  assert.ok(takeLongSlab(9 * MIB) !== first, 'too long');
  assert.ok(takeLongSlab(20 * MIB) === first);
  assert.equal(takeSlab(40 * MIB), undefined);
});

test('what nobody asks for makes room for what somebody does, and the shortest that fits is taken', () => {
  const short = Array.from({ length: 8 }, () => takeLongSlab(8 * MIB)!);
  for (const slab of short) returnSlab(slab);
  const long = takeLongSlab(31 * MIB)!;
  returnSlab(long);
  const kept = Array.from({ length: 8 }, () => takeLongSlab(8 * MIB)!).filter((slab) => short.includes(slab));
  assert.equal(kept.length, 4, 'the other four were given up for the long one');
  const middle = takeLongSlab(20 * MIB)!;
  assert.ok(middle === long);
  const fitting = takeLongSlab(20 * MIB)!;
  returnSlab(middle);
  returnSlab(fitting);
  assert.ok(takeLongSlab(19 * MIB) === fitting);
  mock.timers.tick(10_000);
});

test('no more than 64 MiB are kept, and nothing after ten seconds without a long body', () => {
  const slabs = [1, 2, 3].map(() => takeLongSlab(32 * MIB)!);
  for (const slab of slabs) returnSlab(slab);
  const again = [1, 2, 3].map(() => takeLongSlab(32 * MIB)!);
  assert.deepEqual(
    again.map((slab) => slabs.includes(slab)),
    [true, true, false],
  );
  returnSlab(again[0]!);
  mock.timers.tick(9_999);
  assert.ok(takeLongSlab(32 * MIB) === again[0]);
  returnSlab(again[0]!);
  mock.timers.tick(10_000);
  assert.ok(takeLongSlab(32 * MIB) !== again[0]);
});
