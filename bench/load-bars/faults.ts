import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { judgeDrain, judgeHang, judgeKill, judgeStop, type StopFound } from './fault-bars.ts';
import type { Row } from './row.ts';
import { type Engines, put, type Router, type Stage, startEngines, startRouter, sumOf, until } from './stage.ts';

/** Engines that take their time, so that at any moment requests wait for a first byte. */
const ENGINE = ['-latency', '50ms', '-ttft', '100ms', '-keep-alive', '5s'];
const STREAMS = '-streams 100 -rate 20 -chunks 100 -ramp 2s -warmup 0s';

/** Two engines, each a process, behind a router. */
async function withTwo<T>(
  stage: Stage,
  flags: (index: number) => readonly string[],
  part: (engines: Engines[], router: Router) => Promise<T>,
): Promise<T> {
  const start = (index: number) => startEngines(stage, `engine-${index}`, [...ENGINE, ...flags(index)]);
  const engines = await Promise.all([start(0), start(1)]);
  const router = await startRouter(
    stage,
    engines.map(({ addresses }) => addresses[0]!),
  );
  try {
    return await part(engines, router);
  } finally {
    await router.program.stop();
    for (const { program } of engines) await kill(program);
  }
}

/** SIGKILL: an engine that hangs or is stopped ends of nothing else. */
async function kill(program: Engines['program']): Promise<void> {
  try {
    process.kill(program.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
  await program.ended;
}

export async function killed(stage: Stage): Promise<Row[]> {
  const file = (index: number) => join(stage.dir, `begun-${index}`);
  return await withTwo(
    stage,
    (index) => ['-begun-file', file(index)],
    async ([first], { address }) => {
      const loads = Promise.all([
        put(stage, 'requests', [address], '-arrivals 200 -warmup 0s -window 16s'),
        put(stage, 'streams', [address], `${STREAMS} -window 14s`),
      ]);
      await sleep(8_000);
      await kill(first!.program);
      const begun = Number(readFileSync(file(0)).readBigInt64LE());
      stage.say(`killed an engine with ${begun} streams past their first event`);
      const [requests, streams] = await loads;
      sayErrors(stage, { requests, streams });
      return judgeKill({ requests, streams, begun });
    },
  );
}

export async function stopped(stage: Stage): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [load, others] of [
    ['50/s beside 150/s and 100 streams', 150],
    ['50/s alone', 0],
  ] as const) {
    rows.push(
      ...judgeStop(
        await withTwo(
          stage,
          () => [],
          (engines, router) => stop(stage, engines, router, load, others),
        ),
      ),
    );
  }
  return rows;
}

async function stop(
  stage: Stage,
  [first]: Engines[],
  { address }: Router,
  load: string,
  others: number,
): Promise<StopFound> {
  // "Alone" has one request and one stream a second, so that the engine is known to work.
  const beside = Promise.all([
    put(stage, 'requests', [address], `-arrivals ${others || 1} -warmup 0s -window 30s`),
    put(stage, 'streams', [address], `${others ? STREAMS : '-streams 1 -rate 1 -chunks 5 -warmup 0s'} -window 28s`),
  ]);
  await sleep(5_000);
  process.kill(first!.program.pid, 'SIGSTOP');
  const arrivals = await put(stage, 'arrivals', [address], '-arrivals 50 -warmup 0s -window 20s');
  process.kill(first!.program.pid, 'SIGCONT');
  stage.say(
    `${load}: ${arrivals.slow} slower than 3 s, ${arrivals.unanswered} unanswered, slowest ${Math.round(arrivals.latencyMs.max)} ms`,
  );
  const [requests, streams] = await beside;
  sayErrors(stage, { requests, streams, arrivals });
  return { load, arrivals, requests, streams };
}

/** ms that an engine hangs before it is killed, as Kubernetes does when the grace period has ended. */
const GRACE = 8_000;

export async function hung(stage: Stage): Promise<Row[]> {
  return judgeHang(
    await rollingRestart(stage, 'hang', async (program) => {
      await Promise.race([program.ended, sleep(GRACE)]);
      await kill(program);
    }),
  );
}

export async function drained(stage: Stage): Promise<Row[]> {
  return judgeDrain(await rollingRestart(stage, 'drain', async (program) => void (await program.ended)));
}

/** Restarts one engine after the other under load, the next when the router has the one before back. */
async function rollingRestart(
  stage: Stage,
  onTerm: 'hang' | 'drain',
  end: (program: Engines['program']) => Promise<void>,
) {
  const flags = ['-on-term', onTerm];
  return await withTwo(
    stage,
    () => flags,
    async (engines, router) => {
      let over = false;
      const loads = Promise.all([
        put(stage, 'requests', [router.address], '-arrivals 200 -warmup 0s -window 62s'),
        put(stage, 'streams', [router.address], `${STREAMS} -window 60s`),
      ]).finally(() => {
        over = true;
      });
      await sleep(5_000);
      for (const [index, { program, addresses }] of engines.entries()) {
        process.kill(program.pid, 'SIGTERM');
        await end(program);
        // An engine takes its time to start; its port refuses meanwhile.
        await sleep(2_000);
        const port = Number(addresses[0]!.split(':')[1]);
        engines[index] = await startEngines(stage, `engine-${index}-new`, [...ENGINE, ...flags], port);
        const since = performance.now();
        const url = `http://${addresses[0]}`;
        const healthy = await until(
          async () => sumOf(await router.metrics(), 'vllm:healthy_pods_total', url),
          (up) => up === 1,
          30_000,
        );
        if (healthy !== 1) throw new Error(`the router has not taken ${url} back within 30 s`);
        stage.say(`engine ${index + 1} of 2 restarted, back after ${Math.round(performance.now() - since)} ms`);
        await sleep(3_000);
      }
      if (over) throw new Error('the load ended before the last engine was back');
      const [requests, streams] = await loads;
      sayErrors(stage, { requests, streams });
      return { requests, streams };
    },
  );
}

function sayErrors(
  stage: Stage,
  results: Readonly<Record<string, { errorKinds: object; errorSamples: readonly string[] | null }>>,
) {
  for (const [name, { errorKinds, errorSamples }] of Object.entries(results)) {
    if (Object.keys(errorKinds).length === 0) continue;
    stage.say(`${name}: ${JSON.stringify(errorKinds)}\n    ${(errorSamples ?? []).join('\n    ')}`);
  }
}
