/** What a request costs in statistics, and a scrape of all of them: `node bench/micro/stats.ts`. */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { parseEngineStats } from '../../src/backends/engine-stats.ts';
import { LoadTable } from '../../src/backends/load-table.ts';
import type { BackendFacts } from '../../src/stats/facts.ts';
import { formatLogTable } from '../../src/stats/log-table.ts';
import { RouterStats } from '../../src/stats/router-stats.ts';
import { line, nanoseconds } from './time.ts';

const CHUNKS = 50;

function world(servers: number): { stats: RouterStats; urls: readonly string[] } {
  const urls = Array.from({ length: servers }, (_, index) => `http://10.0.${index >> 8}.${index & 255}:8000`);
  const backends = urls.map(
    (server): BackendFacts => ({
      server,
      source: 'lab',
      state: 'ready',
      healthy: true,
      models: ['m'],
      since: 0,
      engine: {
        running: 3,
        waiting: 0,
        kvUsage: 0.4,
        ours: 3,
        prefixHits: 10,
        prefixQueries: 20,
        sleeping: false,
        blockSize: 16,
        scrapedAt: 0,
      },
      scrapeFailures: 0,
    }),
  );
  const stats = new RouterStats({
    version: '0',
    window: 60_000,
    maxModels: 100,
    now: () => performance.now(),
    facts: { backends: () => backends, queues: () => [], sources: () => [], shadows: () => [] },
    process: false,
  });
  return { stats, urls };
}

const { stats, urls } = world(8);
let now = performance.now();

function begin(index: number) {
  now += 0.05;
  stats.arrived('m');
  stats.open('chat', 1);
  return stats.series(urls[index & 7]!, 'm').dispatched(now);
}

function end(): void {
  stats.open('chat', -1);
  stats.ended('chat', 'm', 200);
}

line(
  'a plain request: arrived, dispatched, usage, finished, ended',
  nanoseconds(200_000, (index) => {
    const attempt = begin(index);
    attempt.usage(100, 20);
    attempt.finished(now + 300, 'success');
    end();
  }),
);

line(
  `a stream of ${CHUNKS} chunks, all of it`,
  nanoseconds(20_000, (index) => {
    const attempt = begin(index);
    attempt.firstToken(now + 100);
    for (let chunk = 0; chunk < CHUNKS; chunk++) attempt.token(now + 100 + chunk * 20);
    attempt.usage(100, CHUNKS);
    attempt.finished(now + 1200, 'success');
    end();
  }),
);

const streaming = begin(0);
streaming.firstToken(now);
let at = now;
line(
  'one chunk of it',
  nanoseconds(1_000_000, () => {
    at += 20;
    streaming.token(at);
  }),
);

const slot = new LoadTable(8, new SharedArrayBuffer(LoadTable.bytes(8))).allocate();
line(
  'load table: dispatched, tokens in and out, finished',
  nanoseconds(500_000, () => {
    slot.dispatched();
    slot.addUncached(500);
    slot.addUncached(-500);
    slot.finished();
  }),
);

const page = readFileSync(new URL('../../test/fixtures/metrics/vllm-0.32.0.txt', import.meta.url), 'utf8');
const whole =
  page + '# padding\nvllm:request_prefill_time_seconds_bucket{engine="0",le="0.3",model_name="m"} 5.0\n'.repeat(450);
line(
  `reading an engine's metrics, ${whole.length >> 10} KB`,
  nanoseconds(300, () => parseEngineStats(whole)),
);

for (const servers of [8, 1000]) {
  const subject = world(servers);
  for (const url of subject.urls) {
    const attempt = subject.stats.series(url, 'm').dispatched(now);
    attempt.firstToken(now + 100);
    attempt.finished(now + 1000, 'success');
  }
  let best = Number.POSITIVE_INFINITY;
  let stall = Number.POSITIVE_INFINITY;
  let bytes = 0;
  for (let round = 0; round < 7; round++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await setTimeout(10);
    delay.reset();
    const began = performance.now();
    bytes = (await subject.stats.metrics()).text.length;
    best = Math.min(best, performance.now() - began);
    await setTimeout(10);
    stall = Math.min(stall, delay.max);
    delay.disable();
  }
  line(`metrics page of ${servers} backends, ${bytes >> 10} KB`, best * 1e6);
  line('  longest delay of the event loop meanwhile', stall);
  const table = () => formatLogTable(subject.stats.view());
  line(`table of ${servers} backends for the log`, nanoseconds(3, table));
}
