import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Place, Roster } from '../../src/backends/roster.ts';

test('holds what was added and not deleted, in order, whatever the sequence', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20), { freq: 2 })), (steps) => {
      const roster = new Roster<number>();
      const expected: number[] = [];
      const places: Place<number>[] = [];
      steps.forEach((step, index) => {
        if (step === null) {
          places.push(roster.add(index));
          expected.push(index);
        } else if (places.length > 0) {
          const place = places[step % places.length]!;
          if (place.item !== undefined) expected.splice(expected.indexOf(place.item), 1);
          roster.delete(place);
        }
        assert.deepEqual([...roster], expected);
        assert.equal(roster.size, expected.length);
      });
    }),
  );
});

test('items may leave while it is walked', () => {
  const roster = new Roster<number>();
  const places = [1, 2, 3, 4].map((item) => roster.add(item));
  const seen: number[] = [];
  for (const item of roster) {
    seen.push(item);
    roster.delete(places[item - 1]!);
  }
  assert.deepEqual(seen, [1, 2, 3, 4]);
  assert.equal(roster.size, 0);
});

test('a place that was left holds on to nobody', () => {
  const roster = new Roster<number>();
  const [first] = [roster.add(1), roster.add(2)];
  roster.delete(first!);
  assert.deepEqual(first, { item: undefined, before: undefined, after: undefined });
});

test('the next one may leave while it is walked', () => {
  const roster = new Roster<number>();
  const places = [1, 2, 3].map((item) => roster.add(item));
  const seen: number[] = [];
  for (const item of roster) {
    seen.push(item);
    if (item === 1) roster.delete(places[1]!);
  }
  assert.deepEqual(seen, [1, 3]);
});
