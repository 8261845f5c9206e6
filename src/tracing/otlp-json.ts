import { quote } from '../log-line.ts';

/**
 * OTLP's JSON form (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding), put together by hand as the access log is: ids in
 * hex, enumerations as numbers, 64-bit numbers as strings.
 */

/** UTF-16 units of an attribute. Names come from clients. */
const MAX_TEXT = 256;

/** `,{…}`: one attribute more. What clients can send as a name is cut, and made text that strict parsers take. */
export function text(key: string, value: string): string {
  return `,{"key":"${key}","value":{"stringValue":${safe(value)}}}`;
}

export function integer(key: string, value: number): string {
  return `,{"key":"${key}","value":{"intValue":"${value}"}}`;
}

/** ms as seconds. */
export function seconds(key: string, ms: number): string {
  return `,{"key":"${key}","value":{"doubleValue":${Math.round(ms * 1_000) / 1e6}}}`;
}

export function yes(key: string): string {
  return `,{"key":"${key}","value":{"boolValue":true}}`;
}

/** Unix ms as ns, to the µs: more is not in them. */
export function nanoseconds(unixMs: number): string {
  return `"${Math.round(unixMs * 1_000)}000"`;
}

const PLAIN = /^[ !#-[\]-~]*$/;
const OTHER = /[\x80-\uffff]/g;

/** A JSON string, all of it ASCII. */
function safe(value: string, most = MAX_TEXT): string {
  if (value.length <= most && PLAIN.test(value)) return `"${value}"`;
  // A lone half of a pair makes strict parsers refuse the whole batch, with everybody else's spans.
  const whole = value.slice(0, most).toWellFormed();
  return quote(whole).replace(OTHER, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export const KIND = { internal: 1, server: 2, client: 3 } as const;

export interface SpanFields {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  /** Of the request; as it came. */
  readonly state: string | undefined;
  readonly name: string;
  readonly kind: (typeof KIND)[keyof typeof KIND];
  /** Unix ms. */
  readonly start: number;
  readonly end: number;
  /** As `text` and its like make them, one after the other. */
  readonly attributes: string;
  readonly event?: { readonly name: string; readonly at: number } | undefined;
  readonly failed: boolean;
}

/** W3C asks for at least so many characters to be passed on; what is longer stays out of the span. */
const MAX_STATE = 512;

export function spanJson(span: SpanFields): string {
  const { traceId, spanId, parentId, state, event } = span;
  let json = `{"traceId":"${traceId}","spanId":"${spanId}"`;
  if (parentId !== undefined) json += `,"parentSpanId":"${parentId}"`;
  if (state !== undefined && state.length <= MAX_STATE) json += `,"traceState":${safe(state, MAX_STATE)}`;
  json += `,"name":"${span.name}","kind":${span.kind},"startTimeUnixNano":${nanoseconds(span.start)}`;
  json += `,"endTimeUnixNano":${nanoseconds(span.end)},"attributes":[${span.attributes.slice(1)}]`;
  if (event !== undefined) json += `,"events":[{"timeUnixNano":${nanoseconds(event.at)},"name":"${event.name}"}]`;
  return `${json}${span.failed ? ',"status":{"code":2}' : ''}}`;
}
