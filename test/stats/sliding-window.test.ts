import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyBuckets, quantile, SlidingQuantiles } from '../../src/stats/sliding-quantiles.ts';
import { SlidingSums } from '../../src/stats/sliding-window.ts';

function sums(window: SlidingSums, now: number, fields = 1): number[] {
  const into = new Float64Array(fields);
  window.addTo(now, into);
  return [...into];
}

test('what is older than the window is gone, what is younger than it less one slice is there', () => {
  const events = fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 1, max: 9 })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(events, fc.integer({ min: 0, max: 200_000 }), (gaps, quiet) => {
      const window = new SlidingSums(60_000, 1);
      const log: [number, number][] = [];
      let now = 12_345;
      for (const [gap, value] of gaps) {
        now += gap;
        window.add(now, 0, value);
        log.push([now, value]);
      }
      now += quiet;
      const [got] = sums(window, now);
      const since = (from: number) => log.reduce((sum, [at, value]) => (at >= from ? sum + value : sum), 0);
      assert.ok(got! <= since(now - 60_000), `${got} of ${since(now - 60_000)}`);
      assert.ok(got! >= since(now - 59_000), `${got} of ${since(now - 59_000)}`);
      // Exactly what it says it covers, the first ms of a slice included.
      assert.equal(got, since(now - window.covered(now)));
    }),
  );
});

test('fields are kept apart, and several windows add up', () => {
  const [a, b] = [new SlidingSums(6000, 2), new SlidingSums(6000, 2)];
  a.add(100, 0, 1);
  a.add(100, 1, 10);
  b.add(5000, 1, 5);
  const into = new Float64Array(2);
  a.addTo(5500, into);
  b.addTo(5500, into);
  assert.deepEqual([...into], [1, 15]);
});

test('quantiles are within an eighth of the true ones', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 2, max: 900_000 }), { minLength: 1, maxLength: 300 }), (durations) => {
      const subject = new SlidingQuantiles(60_000);
      for (const duration of durations) subject.add(1000, duration);
      const sorted = durations.toSorted((a, b) => a - b);
      const buckets = emptyBuckets();
      subject.addTo(1000, buckets);
      for (const share of [0.5, 0.9, 0.99]) {
        const exact = sorted[Math.ceil(share * sorted.length) - 1]!;
        const got = quantile(buckets, share)!;
        assert.ok(got <= exact * 1.26 && got >= exact / 1.26, `${share}: ${got} for ${exact}`);
      }
    }),
  );
});

test('quantiles forget what is older than the window, and there are none of nothing', () => {
  const subject = new SlidingQuantiles(60_000);
  const at = (now: number) => {
    const buckets = emptyBuckets();
    subject.addTo(now, buckets);
    return quantile(buckets, 0.5);
  };
  assert.equal(at(0), undefined);
  subject.add(1000, 50);
  assert.ok(at(50_000)! > 40);
  assert.equal(at(61_001), undefined);
  subject.add(61_001, 0);
  subject.add(61_001, 1e12);
  assert.ok(at(61_001)! <= 1);
});
