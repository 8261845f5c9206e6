import type { Attempt } from '../pipeline/attempt.ts';
import { everyTick } from './ticks.ts';

/** One pass over the running attempts each 100 ms is cheaper than three timers per request, and exact enough for seconds. */
const INTERVAL = 100;
/**
 * Ends attempts that take too long: no first byte, silence behind it, too long in all. A time of 0 is no limit. The first byte
 * of an answer that is no stream comes with its end, so only `total` limits the wait for those.
 */
export function startWatchdog(running: Iterable<Attempt>, now: () => number): { stop(): void } {
  return everyTick(INTERVAL, now, (at) => check(running, at));
}

function check(running: Iterable<Attempt>, now: number): void {
  for (const attempt of running) {
    const { routed } = attempt;
    const { firstByte, idle, total } = attempt.route.config.timeouts;
    if (total > 0 && now - routed.startedAt >= total) attempt.fail('total_timeout');
    else if (!attempt.awaitsFirstByte) {
      if (idle === 0 || now - attempt.lastByteAt < idle) continue;
      // The backend is silent, or a client has not read for as long: it holds buffers and a place at an engine.
      if (attempt.paused) attempt.dropClient();
      else attempt.fail('idle_timeout');
    } else if (firstByte > 0 && attempt.stream && now - attempt.startedAt >= firstByte) {
      attempt.fail('first_byte_timeout');
    }
  }
}
