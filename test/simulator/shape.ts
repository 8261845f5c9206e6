import { sseEvents } from '../fakes/framing.ts';
import type { RawResponse } from '../fakes/raw-client.ts';

/** Header names in order, with the values that do not vary from request to request. */
export function headerShape(rawHeaders: readonly string[]): string[] {
  const varying = new Set(['date', 'content-length', 'x-request-id']);
  const lines: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    lines.push(varying.has(name) ? name : `${name}: ${rawHeaders[i + 1]}`);
  }
  return lines;
}

/** Member names in order, without the values. */
export function jsonShape(value: unknown): string {
  if (Array.isArray(value)) return `[${[...new Set(value.map(jsonShape))].join('|')}]`;
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : '·';
  return `{${Object.entries(value)
    // A token that is half a character has no bytes of its own.
    .map(([name, inner]) => `${name}:${name === 'bytes' ? '[·]' : jsonShape(inner)}`)
    .join(',')}}`;
}

/** The events of a stream, equal neighbours once: how many tokens there were does not matter. */
export function streamShape(body: Buffer): string[] {
  const shapes: string[] = [];
  for (const { event, data } of sseEvents(body)) {
    const shape = `${event ?? ''} ${data === '[DONE]' ? data : jsonShape(JSON.parse(data))}`;
    if (shapes.at(-1) !== shape) shapes.push(shape);
  }
  return shapes;
}

export function bodyShape({ headers, body }: Pick<RawResponse, 'headers' | 'body'>): unknown {
  const type = headers['content-type'] ?? '';
  if (type.startsWith('text/event-stream')) return streamShape(body);
  if (type.startsWith('application/json') && body.length > 0) return jsonShape(JSON.parse(body.toString()));
  return body.toString();
}
