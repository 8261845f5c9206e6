import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_SLOT } from '../../src/algorithms/prefix-aware/backend-slots.ts';
import { Holders } from '../../src/algorithms/prefix-aware/holders.ts';
import { seededRandom } from '../../src/simulator/replay/random.ts';

const SLOTS = 3000;

function held(holders: Holders, entry: number): Map<number, number> {
  const found = new Map<number, number>();
  holders.visit(entry, (slot, stamp) => {
    assert.ok(!found.has(slot), `slot ${slot} twice`);
    found.set(slot, stamp);
    return false;
  });
  return found;
}

test('few holders and thousands are kept, renewed, dropped and told alike', () => {
  const alive = new Uint8Array(NO_SLOT).fill(1);
  const holders = new Holders(4, 4000, alive);
  const expected = Array.from({ length: 4 }, () => new Map<number, number>());
  const random = seededRandom(7);
  for (let count = 0; count < 40_000; count++) {
    const entry = Math.floor(random() * 4);
    // One entry has few holders, the others ever more.
    const slot = Math.floor(random() * (entry === 0 ? 5 : SLOTS));
    if (random() < 0.9) {
      assert.ok(holders.set(entry, slot, count));
      expected[entry]!.set(slot, count);
    } else if (random() < 0.99) {
      holders.remove(entry, slot);
      expected[entry]!.delete(slot);
    } else if (random() < 0.1) {
      holders.clear(entry);
      expected[entry]!.clear();
    }
    assert.equal(holders.stamp(entry, slot), expected[entry]!.get(slot));
  }
  for (const [entry, slots] of expected.entries()) assert.deepEqual(held(holders, entry), slots);
});

test('the dead are not told, and after a sweep their slots are nobody’s', () => {
  const alive = new Uint8Array(NO_SLOT).fill(1);
  const holders = new Holders(1, 1000, alive);
  for (let slot = 0; slot < 1000; slot++) holders.set(0, slot, slot);
  for (let slot = 0; slot < 1000; slot += 2) alive[slot] = 0;
  assert.equal(held(holders, 0).size, 500);
  holders.sweep(0);
  alive.fill(1);
  assert.equal(held(holders, 0).size, 500);
  assert.equal(holders.stamp(0, 2), undefined);
  assert.equal(holders.stamp(0, 3), 3);
});

test('a pool that is full says so and keeps what it has; what is given back can be used again', () => {
  const alive = new Uint8Array(NO_SLOT).fill(1);
  const holders = new Holders(2, 20, alive);
  let count = 0;
  while (holders.set(0, count, count)) count++;
  // 20 chunks of seven and the entry's own place; branches and what is not full in them cost some.
  assert.ok(count > 60, `${count} holders`);
  assert.equal(held(holders, 0).size, count);
  assert.ok(!holders.set(0, count, 1));
  assert.ok(holders.set(0, 1, 99), 'renewing needs no room');
  assert.equal(holders.stamp(0, 1), 99);
  holders.clear(0);
  let again = 0;
  while (holders.set(1, again, again)) again++;
  assert.equal(again, count);
});
