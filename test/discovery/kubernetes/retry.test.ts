import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, type ApiErrorCode } from '../../../src/discovery/kubernetes/api-error.ts';
import { retryDelay } from '../../../src/discovery/kubernetes/retry.ts';

const delays = (code: ApiErrorCode, retryAfter = 0) =>
  [1, 2, 3, 4, 5, 6, 7, 8, 9, 50].map((n) => retryDelay(new ApiError(code, '', { retryAfter }), n, 30_000, () => 1));

test('doubles from 0.25 s to 30 s for what only others can mend', () => {
  assert.deepEqual(delays(403), [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  assert.deepEqual(delays(500), delays(403));
});

test('stays short where waiting costs more than trying: connections and tokens', () => {
  assert.deepEqual(delays('connect').slice(3), Array(7).fill(2000));
  assert.deepEqual(delays('stream'), delays('connect'));
  assert.deepEqual(delays(401).slice(5), Array(5).fill(5000));
  assert.deepEqual(delays('credentials'), delays(401));
});

test('a version that is gone needs a list at once, but not again and again', () => {
  assert.deepEqual(delays(410).slice(0, 3), [0, 500, 1000]);
});

test('is never shorter than the server asked, and jittered by half', () => {
  assert.deepEqual(delays(429, 3000).slice(0, 6), [3000, 3000, 3000, 3000, 4000, 8000]);
  assert.equal(
    retryDelay(new ApiError(500, ''), 3, 30_000, () => 0),
    500,
  );
});
