import { setTimeout as sleep } from 'node:timers/promises';
import { type Busy, lookAtCores, shareOfOthers } from '../driver.ts';
import type { LoadResult } from '../measure.ts';
import { readUsage } from '../proc.ts';
import { beforeIdle } from '../scenarios.ts';
import {
  type BodiesFound,
  type ChunksFound,
  judgeBodies,
  judgeChunks,
  judgeLatency,
  judgeStreams,
  type LatencyFound,
  type StreamsFound,
} from './bars.ts';
import type { Options } from './options.ts';
import type { Row } from './row.ts';
import { openDescriptors, put, type Router, type Stage, startEngines, startRouter, sumOf } from './stage.ts';

const ENGINES = 4;
/** A connection to a client and one to an engine for each stream, and half of the rest is kept back (src/runtime/connection-cap.ts). */
const streamsWithin = (openFiles: number) => Math.floor(openFiles / 2) - 100;

interface Place {
  readonly engines: readonly string[];
  readonly router: Router;
}

/** Runs `part` between engines and a router that has been at work already, so that its idle memory is that of one in service. */
async function between<T>(stage: Stage, part: (place: Place) => Promise<T>): Promise<T> {
  const { program, addresses } = await startEngines(stage, 'engines', ['-engines', `${ENGINES}`]);
  try {
    const router = await startRouter(stage, addresses);
    try {
      await put(stage, 'before', [router.address], `${beforeIdle.join(' ')} -warmup 0s -window 2s`);
      await sleep(500);
      return await part({ engines: addresses, router });
    } finally {
      await router.program.stop();
    }
  } finally {
    await program.stop();
  }
}

export async function streams(stage: Stage, openFiles: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const wanted of [2_000, 10_000]) {
    const count = Math.min(wanted, streamsWithin(openFiles));
    const found = await between(stage, async ({ engines, router }): Promise<StreamsFound> => {
      const flags = `-streams ${count} -rate 1 -chunks 60 -ramp ${count / 500}s -warmup 3s -window 10s`;
      const direct = await put(stage, `direct-${wanted}`, engines, flags);
      const idle = readUsage(router.program.pid).rss;
      let loaded = 0;
      let descriptors = 0;
      const ours = await put(stage, `ours-${wanted}`, [router.address], flags, () => {
        loaded = Math.max(loaded, readUsage(router.program.pid).rss);
        descriptors = Math.max(descriptors, openDescriptors(router.program.pid));
      });
      stage.say(`${count} streams: ${ours.errors} errors, ${descriptors} descriptors`);
      return { wanted, streams: count, direct, ours, idle, loaded };
    });
    rows.push(...judgeStreams(found));
  }
  return rows;
}

export async function chunks(stage: Stage): Promise<Row[]> {
  const all: ChunksFound[] = [];
  for (const rate of [20, 60]) {
    all.push(
      await between(stage, async ({ engines, router }): Promise<ChunksFound> => {
        const flags = `-streams 1000 -rate ${rate} -chunks ${rate * 10} -ramp 4s -warmup 2s -window 10s`;
        const direct = await put(stage, `direct-${rate}`, engines, flags);
        const cpu: number[] = [];
        const ours = await put(stage, `ours-${rate}`, [router.address], flags, () =>
          cpu.push(readUsage(router.program.pid).cpuUs),
        );
        stage.say(`${rate * 1000} chunks/s offered: ${Math.round(ours.chunks / ours.seconds)} arrived`);
        return { offered: rate * 1000, direct, ours, busy: (cpu[1]! - cpu[0]!) / 1e6 / ours.seconds };
      }),
    );
  }
  return judgeChunks(all);
}

/** 100 streams of ten seconds begin each second: 1,000 are open, and none waits for another to end. */
const THOUSAND = '-arrivals 100 -streamed -rate 20 -chunks 200 -warmup 11s -window 10s';

export async function latency(stage: Stage, { rounds }: Options): Promise<Row[]> {
  return await between(stage, async ({ engines, router }) => {
    const pairs: LatencyFound[] = [];
    const cores = [stage.harness.loadCore, stage.harness.proxyCore];
    /** Share of both cores that neither router nor harness used while it ran: other programs, or the host. */
    const watched = async (name: string, targets: readonly string[]) => {
      const looks: Busy[] = [];
      const result = await put(stage, name, targets, THOUSAND, () => looks.push(lookAtCores(cores)));
      return { result, others: shareOfOthers(looks[0]!, looks[1]!, cores, result.seconds) };
    };
    for (let round = 1; round <= rounds; round++) {
      const { result: direct } = await watched(`direct-${round}`, engines);
      // It is of the time since it was read last, in which the router was idle.
      const lagIdle = await loopLag(router);
      const { result: ours, others } = await watched(`ours-${round}`, [router.address]);
      pairs.push({ direct, ours, others, lag: (await loopLag(router)) - lagIdle });
      const first = ({ ttftMs }: LoadResult) => `${ttftMs.p50.toFixed(2)}/${ttftMs.p99.toFixed(1)} ms`;
      stage.say(`round ${round} of ${rounds}: first token p50/p99 ${first(direct)} direct, ${first(ours)} ours`);
    }
    return judgeLatency(pairs);
  });
}

/** p99 in ms since it was last asked for. */
async function loopLag(router: Router): Promise<number> {
  return sumOf(await router.metrics(), 'nodejs_eventloop_lag_p99_seconds') * 1000;
}

/** Just under 32 MiB, the largest body that a listener takes by default. */
const LARGE = 33_000_000;

export async function bodies(stage: Stage): Promise<Row[]> {
  return await between(stage, async ({ engines, router }) => {
    const lagBetween = async (run: () => Promise<unknown>) => {
      await router.metrics();
      await run();
      return await loopLag(router);
    };
    const both = async (name: string, targets: readonly string[]) =>
      await Promise.all([
        put(stage, `${name}-small`, targets, '-arrivals 100 -warmup 1s -window 14s'),
        put(stage, `${name}-large`, targets, `-arrivals 2 -body ${LARGE} -warmup 0s -window 15s`),
      ]);
    const [direct] = await both('direct', engines);
    const lagIdle = await lagBetween(() => sleep(5_000));
    let found: BodiesFound | undefined;
    const lag = await lagBetween(async () => {
      const [ours, large] = await both('ours', [router.address]);
      found = { direct, ours, large, lagIdle, lag: 0 };
    });
    stage.say(`lag p99 ${lagIdle.toFixed(1)} ms idle, ${lag.toFixed(1)} ms with large bodies`);
    return judgeBodies({ ...found!, lag });
  });
}
