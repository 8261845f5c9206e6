import assert from 'node:assert/strict';
import { test } from 'node:test';
import { age, count, duration, percent, plural, rate, shortName } from '../../../src/admin/page/format.ts';

test('figures as people read them', () => {
  assert.deepEqual([0, 999, 9_999, 12_345, 1_234_567, null].map(count), ['0', '999', '9,999', '12.3k', '1.2M', '–']);
  assert.deepEqual([0, 0.004, 0.5, 12.34, 1234, null].map(rate), ['0', '<0.01', '0.50', '12.3', '1,234', '–']);
  assert.deepEqual([0.04, 8.46, 320.4, 1250, 61_000, null].map(duration), [
    '0 ms',
    '8.5 ms',
    '320 ms',
    '1.25 s',
    '61.0 s',
    '–',
  ]);
  assert.deepEqual([0, 0.001, 0.42, 1, null].map(percent), ['0 %', '<1 %', '42 %', '100 %', '–']);
  assert.deepEqual([-5, 12_000, 240_000, 11_100_000, 187_200_000].map(age), [
    '0 s',
    '12 s',
    '4 min',
    '3 h 05 min',
    '2 d 4 h',
  ]);
  assert.deepEqual([plural(1, 'backend'), plural(2, 'backend')], ['1 backend', '2 backends']);
  assert.deepEqual(['http://a:1/x', 'https://b', 'vllm/pod-1'].map(shortName), ['a:1/x', 'b', 'vllm/pod-1']);
});
