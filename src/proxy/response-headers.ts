/**
 * Hop-by-hop headers of the engine's response, framing (ours is set by hand) and the engine's request id, which the
 * router's replaces: the original sent two of it, and two dates.
 */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'te',
  'trailer',
  'x-request-id',
  'request-id',
]);

export interface RelayedHeaders {
  /** Flat name, value list as `writeHead` takes it. */
  readonly list: string[];
  readonly contentType: string;
  readonly hasDate: boolean;
}

/** The response's end-to-end headers in their order, with repeated ones kept. */
export function relayedHeaders(rawHeaders: readonly string[], requestId: string): RelayedHeaders {
  const list: string[] = [];
  let contentType = '';
  let hasDate = false;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    const lower = name.toLowerCase();
    if (DROPPED.has(lower)) continue;
    const value = rawHeaders[index + 1]!;
    if (lower === 'content-type') {
      // Of two the client could take either; which of them the events were read by must be the one it gets.
      if (contentType !== '') continue;
      contentType = value;
    } else if (lower === 'date') {
      if (hasDate) continue;
      hasDate = true;
    }
    list.push(name, value);
  }
  // OpenAI's SDKs read the first, Anthropic's the second.
  list.push('x-request-id', requestId, 'request-id', requestId);
  return { list, contentType, hasDate };
}

export function headerValue(rawHeaders: readonly string[], wanted: string): string | undefined {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]!.length === wanted.length && rawHeaders[index]!.toLowerCase() === wanted) {
      return rawHeaders[index + 1];
    }
  }
  return undefined;
}
