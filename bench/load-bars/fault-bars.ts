import type { LoadResult } from '../measure.ts';
import type { PartName } from './options.ts';
import { atMost, exactly, note, type Row } from './row.ts';

/** Kinds of errors that a stream past its first byte may end with: the router's error event, and the connection cut behind it. */
const BROKEN = 'error event';
/** s that a stream may be silent before its error event; what the clocks of two processes and a chunk's own gap add is not in it. */
const SILENCE = 5;

/** Two loads at once, as clients saw them. */
export interface BothFound {
  readonly requests: LoadResult;
  readonly streams: LoadResult;
}

const broken = ({ streams }: BothFound) => streams.errorKinds[BROKEN] ?? 0;
/** Everything but streams that ended with an error event behind their first byte. */
const failed = (found: BothFound) => found.requests.errors + found.streams.errors - broken(found);

function loads(part: PartName, { requests, streams }: BothFound): Row[] {
  return [
    note(part, 'requests', { value: requests.requests }),
    note(part, 'streams begun', { value: streams.ttftMs.count }),
    note(part, 'slowest request', { value: requests.latencyMs.max, unit: 'ms' }),
  ];
}

export interface KillFound extends BothFound {
  /** Streams past their first event at the engine when it was killed, by the engine's own count. */
  readonly begun: number;
}

export function judgeKill(found: KillFound): Row[] {
  return [
    exactly('kill', 'failed requests', 0, failed(found)),
    exactly('kill', 'streams cut, of those past their first byte at that engine', found.begun, broken(found)),
    ...loads('kill', found),
  ];
}

export interface StopFound extends BothFound {
  readonly load: string;
  /** 50 arrivals/s for 20 s from the moment of SIGSTOP. */
  readonly arrivals: LoadResult;
}

export function judgeStop(found: StopFound): Row[] {
  const { arrivals, load } = found;
  const name = (what: string) => `${load}: ${what}`;
  return [
    exactly('stop', name('unanswered of 1,000 requests'), 0, arrivals.unanswered),
    exactly('stop', name('failed of 1,000 requests'), 0, arrivals.errors),
    atMost('stop', name('slower than 3 s of 1,000 requests'), { must: 9 }, { value: arrivals.slow }),
    note('stop', name('slowest request'), { value: arrivals.latencyMs.max, unit: 'ms' }),
    note('stop', name('failed, other requests'), { value: found.requests.errors }),
    note('stop', name('streams cut'), { value: found.streams.errors }),
  ];
}

export function judgeHang(found: BothFound): Row[] {
  return [
    exactly('hang', 'failed requests', 0, failed(found)),
    atMost(
      'hang',
      'silence before the error event of a stream, slowest',
      { must: SILENCE },
      {
        value: found.streams.silenceMs.max / 1000,
        unit: 's',
        digits: 2,
      },
    ),
    note('hang', 'streams cut with an error event', { value: broken(found) }),
    ...loads('hang', found),
  ];
}

export function judgeDrain(found: BothFound): Row[] {
  return [
    exactly('drain', 'failed requests', 0, found.requests.errors),
    exactly('drain', 'failed streams', 0, found.streams.errors),
    ...loads('drain', found),
  ];
}
