import { seededRandom } from './random.ts';
import type { Workload } from './workloads.ts';

/** Tokens of one `hash_ids` block of a Mooncake trace. */
export const TRACE_BLOCK = 512;

/** A line of a Mooncake trace. */
export interface TraceLine {
  readonly timestamp: number;
  readonly input_length: number;
  readonly output_length: number;
  readonly hash_ids: number[];
}

/** A line that is not a Mooncake request; `line` counts from 1. */
export class TraceError extends Error {
  readonly line: number;
  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}

/**
 * Reads a trace in Mooncake's format, one JSON object a line.
 *
 * @throws TraceError
 */
export function parseTrace(name: string, text: string): Workload {
  const lines: TraceLine[] = [];
  let number = 0;
  for (const line of text.split('\n')) {
    number++;
    if (line.trim() !== '') lines.push(parseLine(line, number));
  }
  if (lines.length === 0) throw new TraceError(1, 'no request');
  return traceWorkload(name, lines);
}

/**
 * A trace as a workload: `rate` scales its speed. A seed moves every arrival by up to the trace's own clock tick (the
 * conversation trace knows only every third second), so that seeds are different runs of one trace.
 */
export function traceWorkload(name: string, unsorted: readonly TraceLine[]): Workload {
  const lines = unsorted.toSorted((a, b) => a.timestamp - b.timestamp);
  const began = lines[0]!.timestamp;
  const span = Math.max(1, lines.at(-1)!.timestamp - began);
  const tick = clockTick(lines);
  const sessions = sessionsOf(lines);
  return {
    name,
    description: `${lines.length} requests over ${Math.round(span / 1000)} s`,
    blockTokens: TRACE_BLOCK,
    rate: (1000 * lines.length) / span,
    requests: lines.length,
    arrivals(seed, rate, requests) {
      const random = seededRandom(seed);
      const speed = (rate * span) / (1000 * lines.length);
      const arrivals = lines.slice(0, requests).map((line, index) => ({
        at: (line.timestamp - began + random() * tick) / speed,
        blocks: Int32Array.from(line.hash_ids),
        promptTokens: line.input_length,
        outputTokens: Math.max(1, line.output_length),
        session: sessions[index]!,
      }));
      return arrivals.sort((a, b) => a.at - b.at);
    },
  };
}

function parseLine(text: string, number: number): TraceLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TraceError(number, (error as Error).message);
  }
  const line = value as TraceLine;
  const lengths = [line?.timestamp, line?.input_length, line?.output_length];
  if (!lengths.every((length) => typeof length === 'number' && length >= 0) || !Array.isArray(line.hash_ids)) {
    throw new TraceError(number, 'needs the numbers timestamp, input_length, output_length and the array hash_ids');
  }
  const blocks = Math.ceil(line.input_length / TRACE_BLOCK);
  if (line.input_length < 1 || line.hash_ids.length !== blocks || !line.hash_ids.every(Number.isInteger)) {
    throw new TraceError(number, `input_length ${line.input_length} needs ${blocks} whole-number hash_ids`);
  }
  return line;
}

/** ms between neighbouring distinct timestamps, the median; at least 1. */
function clockTick(lines: readonly TraceLine[]): number {
  const gaps: number[] = [];
  for (let index = 1; index < lines.length; index++) {
    const gap = lines[index]!.timestamp - lines[index - 1]!.timestamp;
    if (gap > 0) gaps.push(gap);
  }
  gaps.sort((a, b) => a - b);
  return gaps[gaps.length >> 1] ?? 1;
}

/**
 * Traces name no sessions: requests that agree past what more than one in twenty requests begins with are one session.
 */
function sessionsOf(lines: readonly TraceLine[]): string[] {
  const uses = new Map<number, number>();
  for (const line of lines) for (const id of line.hash_ids) uses.set(id, (uses.get(id) ?? 0) + 1);
  const common = lines.length / 20;
  return lines.map((line) => {
    const own = line.hash_ids.find((id) => uses.get(id)! <= common);
    return String(own ?? line.hash_ids.at(-1));
  });
}
