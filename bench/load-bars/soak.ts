import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../program.ts';
import { judgeSoak } from './bars.ts';
import { Inspector, type LeftMemory } from './inspector.ts';
import type { Options } from './options.ts';
import type { Row } from './row.ts';
import { slopeOf } from './slope.ts';
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
/** ms between two looks at memory, each behind a full collection: between those, it says how long the last one is ago. */
const INTERVAL = 5_000;
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
  const port = await freePort();
  const router = await startRouter(stage, engines.addresses, [`--inspect=127.0.0.1:${port}`]);
  const inspector = await Inspector.open(port);
  try {
    const { pid } = router.program;
    // What a router opens once, it has opened before the first look.
    await load(stage, router, 'before', 10);
    const before = await settled(pid, 0);
    const idleBefore = await inspector.collect();
    const watch = watchMemory(inspector, (at, left) =>
      stage.say(
        `soak: ${Math.round(at)} of ${seconds} s, ${mib(left.live)} MiB in use, ${mib(left.rss)} resident, ${mib(left.code)} of code beside`,
      ),
    );
    const [streams, requests] = await load(stage, router, 'soak', seconds).finally(watch.stop);
    const inflight = await until(
      () => running(router, engines.addresses),
      (now) => now.router === 0 && now.engines === 0,
      10_000,
    );
    const after = await settled(pid, before);
    const idleAfter = await inspector.collect();
    const pages = await Promise.all(engines.addresses.map(page));
    const faulted = pages.reduce((sum, each) => sum + sumOf(each, 'bench_faulted_total'), 0);
    const looks = watch.looks.filter(({ at }) => at >= seconds * SETTLING && at <= seconds);
    stage.say(`soak: descriptors ${before} before, ${after} after; memory in use ${inUse(looks)}`);
    stage.say(
      `soak: errors ${JSON.stringify(streams.errorKinds)} of streams, ${JSON.stringify(requests.errorKinds)} of requests`,
    );
    const growth = {
      live: slopeOf(looks.map(({ at, live }) => ({ at, bytes: live }))),
      rss: slopeOf(looks.map(({ at, rss }) => ({ at, bytes: rss }))),
      code: slopeOf(looks.map(({ at, code }) => ({ at, bytes: code }))),
    };
    return judgeSoak({
      streams,
      requests,
      faulted,
      growth,
      idle: { before: idleBefore.live, after: idleAfter.live },
      descriptors: { before, after },
      inflight,
    });
  } finally {
    inspector.close();
    await router.program.stop();
    await engines.program.stop();
  }
}

interface Look extends LeftMemory {
  /** s since the begin. */
  readonly at: number;
}

/** Looks at memory until it is stopped; `tell` gets a look a minute. */
function watchMemory(inspector: Inspector, tell: (at: number, left: LeftMemory) => void) {
  const looks: Look[] = [];
  const begin = performance.now();
  let told = 0;
  const look = async () => {
    const left = await inspector.collect();
    const at = (performance.now() - begin) / 1000;
    looks.push({ at, ...left });
    if (at < told) return;
    told += 60;
    tell(at, left);
  };
  const timer = setInterval(look, INTERVAL);
  return { looks, stop: () => clearInterval(timer) };
}

function inUse(looks: readonly Look[]): string {
  const all = looks.map(({ live }) => live);
  return `${mib(all[0] ?? 0)} MiB at first, ${mib(all.at(-1) ?? 0)} at last, ${mib(Math.min(...all))} to ${mib(Math.max(...all))}`;
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
