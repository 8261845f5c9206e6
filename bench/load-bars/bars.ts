import type { LoadResult, Quantiles } from '../measure.ts';
import { median } from '../statistics.ts';
import { atLeast, atMost, exactly, note, type Row } from './row.ts';
import type { Slope } from './slope.ts';

/** Bars are those of one core with the engines on the same host; what a direct connection shows is subtracted where said. */

export interface StreamsFound {
  /** Streams that were to be open, and how many descriptors allowed. */
  readonly wanted: number;
  readonly streams: number;
  readonly direct: LoadResult;
  readonly ours: LoadResult;
  /** Bytes. */
  readonly idle: number;
  readonly loaded: number;
}

export function judgeStreams({ wanted, streams, direct, ours, idle, loaded }: StreamsFound): Row[] {
  const count = streams === wanted ? wanted.toLocaleString('en') : `${streams.toLocaleString('en')} (of ${wanted})`;
  const name = (what: string) => `${count} streams: ${what}`;
  return [
    exactly('streams', name('errors'), 0, ours.errors, direct.errors),
    // Each sends a chunk a second: fewer chunks would be streams that were not open, or stood still.
    atLeast(
      'streams',
      name('chunks/s'),
      { must: streams * 0.99 },
      { value: perSecond(ours), direct: perSecond(direct) },
    ),
    atMost(
      'streams',
      name('memory of each'),
      { must: 64, stretch: 32 },
      { value: (loaded - idle) / 1024 / streams, unit: 'KiB', digits: 1 },
    ),
    ...delays('streams', name('chunk delay'), direct.chunkDelayMs, ours.chunkDelayMs),
  ];
}

export interface ChunksFound {
  readonly offered: number;
  readonly direct: LoadResult;
  readonly ours: LoadResult;
  /** Share of its core that the router used. */
  readonly busy: number;
}

/** What was forwarded of an offer; all of it must arrive, less what is under way at the window's ends. */
export function judgeChunks(found: readonly ChunksFound[]): Row[] {
  const best = Math.max(0, ...found.filter(({ ours }) => ours.errors === 0).map(({ ours }) => perSecond(ours)));
  return [
    atLeast('chunks', 'forwarded each second, without an error', { must: 19_800, stretch: 59_400 }, { value: best }),
    ...found.flatMap(({ offered, direct, ours, busy }) => {
      const name = (what: string) => `${offered.toLocaleString('en')} chunks/s offered: ${what}`;
      return [
        exactly('chunks', name('errors'), 0, ours.errors, direct.errors),
        note('chunks', name('arrived'), { value: perSecond(ours), direct: perSecond(direct), unit: 'per second' }),
        ...delays('chunks', name('chunk delay'), direct.chunkDelayMs, ours.chunkDelayMs),
        note('chunks', name('core used'), { value: busy * 100, unit: '%' }),
      ];
    }),
  ];
}

export interface LatencyFound {
  readonly direct: LoadResult;
  readonly ours: LoadResult;
  /** ms, from the router's own metric. */
  readonly lag: number;
  /** Share of both cores that other programs, or the host, used meanwhile. */
  readonly others: number;
}

/** The median over interleaved pairs of windows of what the router adds to a percentile. */
export function judgeLatency(pairs: readonly LatencyFound[]): Row[] {
  const added = (what: string, of: (r: LoadResult) => Quantiles, at: 'p50' | 'p99', must: number, stretch: number) => {
    const value = median(pairs.map(({ direct, ours }) => of(ours)[at] - of(direct)[at]));
    const direct = median(pairs.map((pair) => of(pair.direct)[at]));
    return atMost('latency', `added ${what}, ${at}`, { must, stretch }, { value, direct, unit: 'ms', digits: 2 });
  };
  const sum = (of: (pair: LatencyFound) => number) => pairs.reduce((total, pair) => total + of(pair), 0);
  return [
    exactly(
      'latency',
      'errors',
      0,
      sum(({ ours }) => ours.errors),
      sum(({ direct }) => direct.errors),
    ),
    added('time to first token', (r) => r.ttftMs, 'p50', 1, 0.5),
    added('time to first token', (r) => r.ttftMs, 'p99', 5, 2),
    added('time between tokens', (r) => r.interTokenMs, 'p50', 0.5, 0.2),
    added('time between tokens', (r) => r.interTokenMs, 'p99', 5, 2),
    // Stricter than the bar: a delay that all tokens have alike lies in no time between two.
    added('delay of each token', (r) => r.chunkDelayMs, 'p50', 0.5, 0.2),
    added('delay of each token', (r) => r.chunkDelayMs, 'p99', 5, 2),
    ...(['p50', 'p99'] as const).map((at) =>
      note('latency', `lateness of the load generator's own timer, ${at}`, {
        value: median(pairs.map(({ ours }) => ours.pauseMs[at])),
        direct: median(pairs.map(({ direct }) => direct.pauseMs[at])),
        unit: 'ms',
        digits: 2,
      }),
    ),
    note('latency', 'lag of the event loop p99, above that of an idle one', {
      value: median(pairs.map(({ lag }) => lag)),
      unit: 'ms',
      digits: 1,
    }),
    note('latency', 'of both cores used by others', {
      value: median(pairs.map(({ others }) => others)) * 100,
      unit: '%',
    }),
  ];
}

export interface BodiesFound {
  readonly direct: LoadResult;
  readonly ours: LoadResult;
  readonly large: LoadResult;
  /** ms, from the router's own metric, without and with large bodies. */
  readonly lagIdle: number;
  readonly lag: number;
}

export function judgeBodies({ direct, ours, large, lag, lagIdle }: BodiesFound): Row[] {
  const limit = { must: 20, stretch: 10 };
  const added = ours.latencyMs.p99 - direct.latencyMs.p99;
  return [
    exactly('bodies', 'errors, small and large', 0, ours.errors + large.errors, direct.errors),
    // Node's histogram holds the whole time between two ticks of a timer of 10 ms; an idle router shows what of it is the timer.
    atMost('bodies', 'lag of the event loop p99, above that of an idle one', limit, {
      value: lag - lagIdle,
      unit: 'ms',
      digits: 1,
    }),
    atMost('bodies', 'added latency of small requests, p99', limit, {
      value: added,
      direct: direct.latencyMs.p99,
      unit: 'ms',
      digits: 1,
    }),
    note('bodies', 'large bodies: time of each, p50', { value: large.latencyMs.p50, unit: 'ms' }),
  ];
}

export interface SoakFound {
  readonly streams: LoadResult;
  readonly requests: LoadResult;
  /** Requests that the engines made fail. */
  readonly faulted: number;
  /** Of what full collections leave: objects and buffers in use, and resident memory. */
  readonly growth: { readonly live: Slope; readonly rss: Slope; readonly code: Slope };
  /** Bytes in use by a router without clients. */
  readonly idle: { readonly before: number; readonly after: number };
  readonly descriptors: { readonly before: number; readonly after: number };
  /** Requests that router and engines still count as running when all clients have left. */
  readonly inflight: { readonly router: number; readonly engines: number };
}

/** What a client may see of an engine's failure; anything else is the router's. */
const FAULTS = new Set(['status 500', 'status 502', 'error event', 'error as first event', 'reset', 'closed']);

export function judgeSoak(found: SoakFound): Row[] {
  const { streams, requests, faulted, growth, idle, descriptors, inflight } = found;
  const foreign = [streams, requests].reduce((sum, { errorKinds }) => {
    const unexpected = Object.entries(errorKinds).filter(([kind]) => !FAULTS.has(kind));
    return sum + unexpected.reduce((total, [, count]) => total + count, 0);
  }, 0);
  return [
    ...growthRows('memory in use', growth.live),
    ...growthRows('resident memory', growth.rss),
    note('soak', 'growth of compiled code, which neither has', {
      value: growth.code.perHour,
      unit: 'MiB/h',
      digits: 1,
    }),
    atMost(
      'soak',
      'memory in use when all have left, above that before',
      { must: 1 },
      { value: (idle.after - idle.before) / 2 ** 20, unit: 'MiB', digits: 1 },
    ),
    atMost(
      'soak',
      'file descriptors above those before',
      { must: 0 },
      { value: descriptors.after - descriptors.before },
    ),
    exactly('soak', 'requests in flight at the end, by the router', 0, inflight.router),
    exactly('soak', 'requests in flight at the end, by the engines', 0, inflight.engines),
    atMost(
      'soak',
      'failures of requests, of those that an engine failed',
      { must: faulted },
      {
        value: streams.errors + requests.errors,
      },
    ),
    exactly('soak', 'failures of other kinds', 0, foreign),
    note('soak', 'requests', { value: requests.requests + streams.requests }),
    note('soak', 'clients that left', { value: requests.aborted + streams.aborted }),
  ];
}

function growthRows(what: string, { perHour, error }: Slope): Row[] {
  const rate = (value: number) => ({ value, unit: 'MiB/h', digits: 1 });
  return [
    atMost('soak', `growth of ${what}, lower end of its 95 % interval`, { must: 1 }, rate(perHour - error)),
    note('soak', `growth of ${what}, best fit`, rate(perHour)),
    note('soak', 'half width of its 95 % interval', rate(error)),
  ];
}

export const perSecond = ({ chunks, seconds }: LoadResult): number => chunks / seconds;

function delays(part: 'streams' | 'chunks', what: string, direct: Quantiles, ours: Quantiles): Row[] {
  return (['p50', 'p99'] as const).map((at) =>
    note(part, `${what} ${at}`, { value: ours[at], direct: direct[at], unit: 'ms', digits: 1 }),
  );
}
