/**
 * A tick that comes so much too late, in ms, follows a pause of the process itself. Timers run before sockets are read, so that the
 * silence it would see is the router's own: what came meanwhile has to be read first.
 */
const LATE = 1_000;

/** Calls `tick` each `interval` ms with the monotonic time in ms, but not right behind a pause of the process. Keeps no process alive. */
export function everyTick(interval: number, now: () => number, tick: (at: number) => void): { stop(): void } {
  let last = now();
  let skipped = false;
  const timer = setInterval(() => {
    const at = now();
    // Never twice in a row: with every tick late there would be no limit at all.
    skipped = !skipped && at - last > interval + LATE;
    last = at;
    if (!skipped) tick(at);
  }, interval);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
