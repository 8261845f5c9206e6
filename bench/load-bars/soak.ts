import { setTimeout as sleep } from 'node:timers/promises';
import { readUsage } from '../proc.ts';
import { judgeSoak } from './bars.ts';
import type { Options } from './options.ts';
import type { Row } from './row.ts';
import { type Sample, slopeOf } from './slope.ts';
import {
  openDescriptors,
  page,
  put,
  type Router,
  type Stage,
  startEngines,
  startRouter,
  sumOf,
  until,
} from './stage.ts';

/** Share of the soak in which the router's heap grows to the size it works with; memory is not looked at before. */
const SETTLING = 0.3;
/** ms between two looks at memory. */
const INTERVAL = 1_000;
/** s after which no connection to an engine is kept idle, plus what a check of health may hold open. */
const IDLE = 6;

const STREAMS = '-streams 200 -rate 10 -chunks 60 -abort-share 0.1 -warmup 0s';
const REQUESTS = '-arrivals 100 -abort-share 0.1 -warmup 0s';

async function running({ metrics }: Router, engines: readonly string[]) {
  const text = await metrics();
  const router = sumOf(text, 'vllm_router_inflight_requests') + sumOf(text, 'vllm:num_requests_running');
  const pages = await Promise.all(engines.map(page));
  return { router, engines: pages.reduce((sum, each) => sum + sumOf(each, 'vllm:num_requests_running'), 0) };
}

export async function soak(stage: Stage, { seconds }: Options): Promise<Row[]> {
  const flags = ['-engines', '4', '-latency', '20ms', '-keep-alive', '5s', '-fault-share', '0.01'];
  const engines = await startEngines(stage, 'engines', flags);
  const router = await startRouter(stage, engines.addresses);
  try {
    const { pid } = router.program;
    // What a router opens once, it has opened before the first look.
    await load(stage, router, 'before', 10);
    const before = await settled(pid, 0);
    const samples: Sample[] = [];
    const begin = performance.now();
    const timer = setInterval(() => {
      const at = (performance.now() - begin) / 1000;
      if (at >= seconds * SETTLING && at <= seconds) samples.push({ at, rss: readUsage(pid).rss });
      if (Math.round(at) % 60 === 0)
        stage.say(`soak: ${Math.round(at)} of ${seconds} s, ${mib(readUsage(pid).rss)} MiB`);
    }, INTERVAL);
    const [streams, requests] = await load(stage, router, 'soak', seconds).finally(() => clearInterval(timer));
    const inflight = await until(
      () => running(router, engines.addresses),
      (now) => now.router === 0 && now.engines === 0,
      10_000,
    );
    const after = await settled(pid, before);
    const pages = await Promise.all(engines.addresses.map(page));
    const faulted = pages.reduce((sum, each) => sum + sumOf(each, 'bench_faulted_total'), 0);
    stage.say(
      `soak: descriptors ${before} before, ${after} after; ${mib(samples[0]?.rss ?? 0)} MiB to ${mib(samples.at(-1)?.rss ?? 0)}`,
    );
    stage.say(
      `soak: errors ${JSON.stringify(streams.errorKinds)} of streams, ${JSON.stringify(requests.errorKinds)} of requests`,
    );
    const rss = slopeOf(samples);
    return judgeSoak({ streams, requests, faulted, rss, descriptors: { before, after }, inflight });
  } finally {
    await router.program.stop();
    await engines.program.stop();
  }
}

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);

function load(stage: Stage, router: Router, name: string, seconds: number) {
  return Promise.all([
    put(stage, `${name}-streams`, [router.address], `${STREAMS} -window ${seconds}s`),
    put(stage, `${name}-requests`, [router.address], `${REQUESTS} -window ${seconds}s`),
  ]);
}

/** Descriptors when the idle connections have been closed; waits for the count to fall to that of before. */
async function settled(pid: number, goal: number): Promise<number> {
  await sleep(IDLE * 1000);
  return goal === 0
    ? openDescriptors(pid)
    : until(
        () => openDescriptors(pid),
        (count) => count <= goal,
        10_000,
      );
}
