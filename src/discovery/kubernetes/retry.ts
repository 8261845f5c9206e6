import type { ApiError } from './api-error.ts';

const FIRST = 250;

/**
 * ms to wait before the next try after `failures` failures in a row: 0.25 s doubling, jittered by half, and never shorter than
 * the server asked. A refused connection costs nobody anything and an API server restarts in 3 to 5 s, so its cap is 2 s: with
 * 30 s the back-off would be the larger part of the blindness. A rotated token is in its file at any moment: 5 s. The rest, a
 * missing Role above all, waits up to `max`; it starts short too, because a starting API server answers 403 before it has read
 * its Roles.
 */
export function retryDelay(error: ApiError, failures: number, max: number, random: () => number): number {
  // Gone: the version is too old and a list is the cure. Twice in a row is something else.
  if (error.code === 410 && failures <= 1) return 0;
  const full = Math.min(cap(error, max), FIRST * 2 ** Math.min(failures - 1, 20));
  return Math.max(full * (0.5 + random() / 2), error.retryAfter);
}

function cap(error: ApiError, max: number): number {
  if (error.code === 401 || error.code === 'credentials') return Math.min(5000, max);
  if (typeof error.code === 'string') return Math.min(2000, max);
  return max;
}
