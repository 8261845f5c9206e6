import { setTimeout as sleep } from 'node:timers/promises';
import type { Contestant, ContestantName } from './contestants/contestant.ts';
import { type Busy, lookAtCores, shareOfOthers } from './driver.ts';
import { readUsage, type Usage } from './proc.ts';
import type { Window } from './profile.ts';
import { freePort, type Program, start } from './program.ts';
import { beforeIdle, type Scenario, type ScenarioName } from './scenarios.ts';

/** Engines behind a contestant that names no number. */
export const ENGINES = 4;

/** Percentiles in milliseconds. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** The last line of the load generator. */
export interface LoadResult {
  readonly seconds: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly chunks: number;
  readonly errors: number;
  readonly errorKinds: Readonly<Record<string, number>>;
  readonly errorSamples: readonly string[] | null;
  readonly aborted: number;
  readonly slow: number;
  readonly unanswered: number;
  readonly latencyMs: Quantiles;
  readonly ttftMs: Quantiles;
  readonly chunkDelayMs: Quantiles;
  /** Between two chunks of one stream, as they arrived. */
  readonly interTokenMs: Quantiles;
  /** From the last event of a stream to its error event. */
  readonly silenceMs: Quantiles;
  /** How late the load generator's own timer came: it shares a core with the engines, and what stands still there no proxy has delayed. */
  readonly pauseMs: Quantiles;
}

/** One measured window of one contestant. */
export interface Measurement {
  readonly contestant: ContestantName;
  readonly scenario: ScenarioName;
  readonly round: number;
  readonly load: LoadResult;
  /** CPU of the proxy's process tree per request or chunk, µs; null without a proxy. */
  readonly cpuPerUnit: number | null;
  /** Share of its core the proxy used. */
  readonly busy: number | null;
  /** Share of the two cores that neither proxy nor harness used: other programs, or the machine's host. */
  readonly others: number;
  readonly window: Window;
  /** Bytes. */
  readonly rss: { readonly idle: number; readonly loaded: number } | null;
}

/** What is read at the ends of the measured window. */
interface Look {
  readonly proxy: Usage | undefined;
  readonly cores: Busy;
  /** Monotonic µs. */
  readonly at: number;
}

export interface Harness {
  readonly loadProgram: string;
  readonly engines: readonly string[];
  readonly loadCore: number;
  readonly proxyCore: number;
  readonly warmup: number;
  readonly seconds: number;
  /** Folder for the logs of everything. */
  readonly dir: string;
}

/** Starts engines, all in one process, and says where they listen. `name`: of their log. */
export async function startEngines(
  program: string,
  flags: readonly string[],
  core: number,
  dir: string,
  name = 'engines',
) {
  const engines = start({ name, core, command: [program, ...flags], dir, lines: true });
  const first = await Promise.race([engines.lines.next(), engines.ended]);
  if (typeof first === 'string') throw new Error(`${first}\n${engines.tail()}`);
  return { program: engines, addresses: (JSON.parse(first.value) as { listening: string[] }).listening };
}

/** Starts the contestant afresh, waits until it serves, puts the scenario on it and ends it. */
export async function measure(
  h: Harness,
  contestant: Contestant,
  scenario: Scenario,
  round: number,
): Promise<Measurement> {
  const dir = `${h.dir}/${round}-${scenario.name}-${contestant.name}`;
  const engines = h.engines.slice(0, contestant.engines ?? ENGINES);
  const port = await freePort();
  const sparePort = await freePort();
  const proxy = contestant.start({ engines, port, sparePort, core: h.proxyCore, dir });
  const common = contestant.loadFlags ?? [];
  const targets = proxy ? [`127.0.0.1:${port}`] : engines;
  try {
    if (proxy) await untilItServes(targets[0]!, proxy);
    if (proxy && scenario.streams > 0) {
      await load(h, dir, targets, [...common, ...beforeIdle, '-warmup', '0s', '-window', `${h.warmup}s`], () => {});
      await sleep(500);
    }
    const idle = proxy && readUsage(proxy.pid);
    const cores = [h.proxyCore, h.loadCore];
    const look = (): Look => ({
      at: Number(process.hrtime.bigint() / 1000n),
      proxy: proxy && readUsage(proxy.pid),
      cores: lookAtCores(cores),
    });
    let begin: Look | undefined;
    let end: Look | undefined;
    const flags = [...common, ...scenario.load, '-warmup', `${h.warmup}s`, '-window', `${h.seconds}s`];
    const result = await load(h, dir, targets, flags, (event) => {
      if (event === 'start') begin = look();
      else end = look();
    });
    if (!begin || !end) throw new Error('the load generator did not say when its window began and ended');
    const units = scenario.unit === 'chunk' ? result.chunks : result.requests;
    const cpu = begin.proxy && end.proxy ? end.proxy.cpuUs - begin.proxy.cpuUs : null;
    return {
      contestant: contestant.name,
      scenario: scenario.name,
      round,
      load: result,
      cpuPerUnit: cpu === null || units === 0 ? null : cpu / units,
      busy: cpu === null ? null : cpu / (result.seconds * 1e6),
      window: { begin: begin.at, end: end.at },
      others: shareOfOthers(begin.cores, end.cores, cores, result.seconds),
      rss:
        idle && begin.proxy && end.proxy ? { idle: idle.rss, loaded: Math.max(begin.proxy.rss, end.proxy.rss) } : null,
    };
  } catch (error) {
    throw new Error(
      `${contestant.name}, scenario ${scenario.name}: ${(error as Error).message}\n${proxy?.tail() ?? ''}`,
    );
  } finally {
    await proxy?.stop();
  }
}

/** Asks for a chat until one is answered: a router may listen before it knows its backends. */
export async function untilItServes(target: string, proxy: Program, model = 'bench-model'): Promise<void> {
  let ended: string | undefined;
  proxy.ended.then((how) => {
    ended = how;
  });
  let last = '';
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(50)) {
    if (ended) throw new Error(ended);
    try {
      const response = await fetch(`http://${target}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'ready?' }], max_tokens: 1 }),
        signal: AbortSignal.timeout(2000),
      });
      last = `${response.status} ${await response.text()}`;
      if (response.ok) return;
    } catch (error) {
      last = `${(error as Error).cause ?? error}`;
    }
  }
  throw new Error(`does not serve within 30 s; last answer: ${last}`);
}

/** Runs the load generator once; `mark` is called when its window begins and ends. */
export async function load(
  h: Harness,
  dir: string,
  targets: readonly string[],
  flags: readonly string[],
  mark: (event: 'start' | 'end') => void,
): Promise<LoadResult> {
  const command = [h.loadProgram, '-targets', targets.join(','), ...flags];
  const program = start({ name: 'load', core: h.loadCore, command, dir, lines: true });
  for await (const line of program.lines) {
    const message = JSON.parse(line) as { event: string } & LoadResult;
    if (message.event === 'result') return message;
    mark(message.event as 'start' | 'end');
  }
  throw new Error(`${await program.ended}\n${program.tail()}`);
}
