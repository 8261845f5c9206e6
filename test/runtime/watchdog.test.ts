import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Attempt } from '../../src/pipeline/attempt.ts';
import { startWatchdog } from '../../src/runtime/watchdog.ts';

/** One stream past its first byte, with an idle time of 5 s; `tick` fires the watchdog's timer at that time. */
function setup(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let time = 0;
  const failed: string[] = [];
  const attempt = {
    routed: { startedAt: 0 },
    route: { config: { timeouts: { firstByte: 0, idle: 5_000, total: 0 } } },
    awaitsFirstByte: false,
    lastByteAt: 0,
    paused: false,
    fail: (reason: string) => failed.push(reason),
  };
  const watchdog = startWatchdog([attempt as unknown as Attempt], () => time);
  t.after(() => watchdog.stop());
  const tick = (now: number) => {
    time = now;
    t.mock.timers.tick(100);
  };
  return { attempt, failed, tick };
}

test('silence ends an attempt', (t) => {
  const { failed, tick } = setup(t);
  for (let now = 100; now < 5_000; now += 100) tick(now);
  assert.deepEqual(failed, []);
  tick(5_000);
  assert.deepEqual(failed, ['idle_timeout']);
});

test('after a pause of the process itself, what came meanwhile is read before silence is looked for', (t) => {
  const { attempt, failed, tick } = setup(t);
  tick(100);
  tick(8_000);
  assert.deepEqual(failed, []);
  attempt.lastByteAt = 8_001;
  tick(8_100);
  assert.deepEqual(failed, []);
});

test('a pause that left nothing to read, and ticks that are always late, keep nobody from his end', (t) => {
  const { failed, tick } = setup(t);
  tick(8_000);
  tick(10_000);
  assert.deepEqual(failed, ['idle_timeout']);
});
