import { randomBytes } from 'node:crypto';

/** https://www.w3.org/TR/trace-context/: who called, and whether that is recorded. */
export interface TraceContext {
  readonly traceId: string;
  readonly parentId: string;
  readonly sampled: boolean;
  /** Two hex digits. */
  readonly flags: string;
}

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const ZERO = /^0+$/;

/** Undefined for what is no valid `traceparent`, two of them joined by a comma too. */
export function parseTraceparent(header: string): TraceContext | undefined {
  const match = TRACEPARENT.exec(header);
  if (match === null) return undefined;
  const [, version, traceId, parentId, flags, more] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ];
  // Later versions may say more; this one may not, and ff never is one.
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (ZERO.test(traceId) || ZERO.test(parentId)) return undefined;
  // Bits without a meaning are not passed on: 1 is recorded, 2 a random id.
  const bits = Number.parseInt(flags, 16) & 3;
  return { traceId, parentId, sampled: (bits & 1) === 1, flags: `0${bits}` };
}

export function traceparentLine(traceId: string, spanId: string, flags: string): string {
  return `traceparent: 00-${traceId}-${spanId}-${flags}\r\n`;
}

const PARENT_LINE = /^traceparent:.*\r\n/gim;
const STATE_LINE = /^tracestate:.*\r\n/gim;

/** Of a request that goes on with another `traceparent`; without one of its own, its `tracestate` belongs to nothing. */
export function withoutTrace(lines: string, keepState: boolean): string {
  const kept = lines.replace(PARENT_LINE, '');
  return keepState ? kept : kept.replace(STATE_LINE, '');
}

/** Bytes of randomness that are fetched at once: a call for each id would cost 1 µs. */
const POOL = 4_096;
let pool = '';
let used = 0;

export function newTraceId(): string {
  return randomHex(32);
}

export function newSpanId(): string {
  return randomHex(16);
}

function randomHex(digits: number): string {
  if (used + digits > pool.length) {
    pool = randomBytes(POOL).toString('hex');
    used = 0;
  }
  used += digits;
  return pool.slice(used - digits, used);
}
