import { ApiError, statusError } from './api-error.ts';

/** A pod of 1.5 MB is the most that etcd takes. */
const MAX_LINE = 8 * 1024 * 1024;

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export type WatchEvent =
  | { readonly type: WatchEventType; readonly object: unknown; readonly resourceVersion: string }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** Splits a watch into its lines, one JSON object each. */
export class WatchParser {
  #rest: Buffer[] = [];
  #length = 0;

  /** The events that `chunk` completes. Throws an ApiError for an ERROR event and for whatever is no event. */
  *push(chunk: Buffer): Generator<WatchEvent> {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#rest.push(chunk.subarray(from, end));
      from = end + 1;
      const line = Buffer.concat(this.#rest).toString().trim();
      this.#rest = [];
      this.#length = 0;
      if (line !== '') yield parseEvent(line);
    }
    if (from === chunk.length) return;
    this.#rest.push(chunk.subarray(from));
    this.#length += chunk.length - from;
    if (this.#length > MAX_LINE) throw new ApiError('protocol', `a watch event of more than ${MAX_LINE} bytes`);
  }

  /** A watch that ends inside of a line did not end cleanly. */
  end(): void {
    if (this.#length > 0) throw new ApiError('stream', 'the watch was cut off inside of an event');
  }
}

function parseEvent(line: string): WatchEvent {
  let event: { type?: unknown; object?: { metadata?: { resourceVersion?: unknown }; code?: unknown } };
  try {
    event = JSON.parse(line);
  } catch (error) {
    throw new ApiError('protocol', `watch event is not JSON: ${(error as Error).message}`, { cause: error });
  }
  const { type, object } = event ?? {};
  if (type === 'ERROR') {
    const code = typeof object?.code === 'number' ? object.code : 500;
    throw statusError(code, JSON.stringify(object), undefined);
  }
  const resourceVersion = object?.metadata?.resourceVersion;
  if (typeof resourceVersion !== 'string') throw new ApiError('protocol', 'watch event without a resourceVersion');
  if (type === 'BOOKMARK') return { type, resourceVersion };
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') {
    throw new ApiError('protocol', `watch event of unknown type ${JSON.stringify(type)}`);
  }
  return { type, object, resourceVersion };
}
