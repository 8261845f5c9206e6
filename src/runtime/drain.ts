import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { formatDuration } from '../units.ts';
import type { Router } from './router.ts';

/**
 * The orderly end, as Kubernetes needs it: not ready, but serving, until endpoints have learnt it; then no new connections, open
 * requests finish; at the deadline, or on a second signal, what still runs is told and cut.
 */
export async function drain(router: Router, log: Log, hurry: AbortSignal): Promise<void> {
  const { delay, drain: limit } = router.snapshot!.config.shutdown;
  router.startDraining();
  const inflight = router.running.size;
  log.info({ delay: formatDuration(delay), drain: formatDuration(limit), inflight }, 'draining');
  await wait(delay, hurry);
  const closed = router.closeListeners();
  const deadline = new AbortController();
  await Promise.race([closed, wait(limit, AbortSignal.any([hurry, deadline.signal]))]);
  deadline.abort();
  const left = router.running.size;
  if (left > 0) {
    const why = hurry.aborted ? 'a second signal came' : `shutdown.drain (${formatDuration(limit)}) is over`;
    log.warn({ inflight: left }, `cutting what is left: ${why}`);
  }
  const cut = router.cut();
  // The error events of cut streams leave with their sockets.
  if (cut > 0) await Promise.race([closed, sleep(1_000, undefined, { ref: false })]);
  await router.stop();
  log.info({ cut }, 'stopped');
}

/** Resolves after `ms`, or at once when somebody is in a hurry. */
async function wait(ms: number, hurry: AbortSignal): Promise<void> {
  if (ms === 0 || hurry.aborted) return;
  await sleep(ms, undefined, { signal: hurry }).catch(() => {});
}
