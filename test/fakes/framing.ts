/** One response as its bytes say it. */
export interface ParsedResponse {
  readonly status: number;
  readonly reason: string;
  readonly version: string;
  /** As they came: alternating names and values. */
  readonly rawHeaders: readonly string[];
  /** Lower-case names; several of one name are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly framing: 'length' | 'chunked' | 'eof' | 'none';
  /** Decoded. */
  readonly body: Buffer;
  /** With `chunked`: each chunk's content. */
  readonly chunks: readonly Buffer[];
  /** The framing says that nothing is missing; `eof` bodies are complete when the connection ended. */
  readonly complete: boolean;
  /** Bytes of it in the input. */
  readonly size: number;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** Undefined: the head is not complete yet. Throws on what is no HTTP. Informational responses are skipped. */
export function parseResponse(bytes: Buffer, method = 'GET', ended = false): ParsedResponse | undefined {
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(HEAD_END, start);
    if (end < 0) return undefined;
    const lines = bytes.toString('latin1', start, end).split('\r\n');
    const status = /^(HTTP\/\d\.\d) (\d{3}) ?(.*)$/.exec(lines[0]!);
    if (!status) throw new Error(`not a status line: ${JSON.stringify(lines[0])}`);
    if (status[2]!.startsWith('1') && status[2] !== '101') {
      start = end + 4;
      continue;
    }
    return withBody(bytes, end + 4, status, lines.slice(1), method, ended);
  }
}

function withBody(
  bytes: Buffer,
  start: number,
  status: RegExpExecArray,
  lines: readonly string[],
  method: string,
  ended: boolean,
): ParsedResponse {
  const rawHeaders: string[] = [];
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`not a header: ${JSON.stringify(line)}`);
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    rawHeaders.push(name, value);
    const key = name.toLowerCase();
    headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
  }
  const code = Number(status[2]);
  const head = { status: code, reason: status[3]!, version: status[1]!, rawHeaders, headers };
  if (method === 'HEAD' || code === 204 || code === 304 || code === 101) {
    return { ...head, framing: 'none', body: Buffer.alloc(0), chunks: [], complete: true, size: start };
  }
  if (headers['transfer-encoding']?.toLowerCase().includes('chunked')) {
    const { chunks, complete, end } = dechunk(bytes, start);
    return { ...head, framing: 'chunked', body: Buffer.concat(chunks), chunks, complete, size: end };
  }
  const length = headers['content-length'];
  if (length !== undefined) {
    const body = bytes.subarray(start, start + Number(length));
    const complete = body.length === Number(length);
    return { ...head, framing: 'length', body, chunks: [], complete, size: start + body.length };
  }
  const body = bytes.subarray(start);
  return { ...head, framing: 'eof', body, chunks: [], complete: ended, size: bytes.length };
}

/** Whole chunks from `start`, and what there is of an unfinished one. */
export function dechunk(bytes: Buffer, start: number): { chunks: Buffer[]; complete: boolean; end: number } {
  const chunks: Buffer[] = [];
  let at = start;
  for (;;) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return { chunks, complete: false, end: bytes.length };
    const text = bytes.toString('latin1', at, line);
    if (!/^[0-9a-f]+$/i.test(text)) throw new Error(`not a chunk size: ${JSON.stringify(text)}`);
    const size = Number.parseInt(text, 16);
    const data = line + 2;
    if (size === 0) {
      const complete = bytes.length >= data + 2;
      return { chunks, complete, end: Math.min(bytes.length, data + 2) };
    }
    if (bytes.length < data + size + 2) {
      if (bytes.length > data) chunks.push(bytes.subarray(data, Math.min(bytes.length, data + size)));
      return { chunks, complete: false, end: bytes.length };
    }
    chunks.push(bytes.subarray(data, data + size));
    at = data + size + 2;
  }
}

export interface SseEvent {
  readonly event: string | undefined;
  readonly data: string;
}

/** The events of an SSE body; an unfinished last one is left out. */
export function sseEvents(body: Buffer | string): SseEvent[] {
  const blocks = body.toString().split(/\r?\n\r?\n/);
  blocks.pop();
  return blocks
    .map((block) => {
      const fields = block.split(/\r?\n/).filter((line) => !line.startsWith(':'));
      const valuesOf = (name: string) =>
        fields
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).replace(/^ /, ''));
      return { event: valuesOf('event')[0], data: valuesOf('data').join('\n'), empty: fields.length === 0 };
    })
    .filter(({ empty }) => !empty)
    .map(({ event, data }) => ({ event, data }));
}

/** All text of a chat or completion stream, by choice. */
export function streamedText(events: readonly SseEvent[]): string[] {
  const texts: string[] = [];
  for (const { data } of events) {
    if (data === '[DONE]') continue;
    const { choices = [] } = JSON.parse(data) as {
      choices?: { index: number; text?: string; delta?: { content?: string | null } }[];
    };
    for (const { index, text, delta } of choices) texts[index] = (texts[index] ?? '') + (text ?? delta?.content ?? '');
  }
  return texts;
}
