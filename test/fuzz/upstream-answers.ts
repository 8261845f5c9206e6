import type { Random } from './random.ts';

/** What an engine does with one request, and what a careful reader may make of it. */
export interface Answer {
  readonly name: string;
  /** Written one after the other, `pause` ms before each. */
  readonly pieces: readonly Buffer[];
  readonly pause: number;
  readonly end: 'open' | 'fin' | 'rst';
  readonly status: number;
  /** What the framing carries, as far as it goes. */
  readonly payload: Buffer;
  /** The response is well-formed, and nothing of it is missing. */
  readonly complete: boolean;
  /** A stream of events; `finished`: with proof that the engine did all of it, or with its own error event. */
  readonly events: boolean;
  readonly finished: boolean;
  /** Bytes were changed at random: nobody can say what they mean. */
  readonly mangled: boolean;
}

type Framing = 'length' | 'chunked' | 'eof';

interface Message {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  readonly events: boolean;
  readonly finished: boolean;
}

const SPECIAL = ['\r', '\n', '\r\n', '\0', ' ', ':', ';', ',', '0', 'f', '\xff', '\t', '-', 'HTTP/1.1 200 OK\r\n\r\n'];

/** Any answer at all; `stream`: the request asked for one. */
export function randomAnswer(random: Random, stream: boolean): Answer {
  const kind = random.weighted({ good: 45, cut: 20, silent: 3, mangled: 15, malformed: 10, nothing: 4, error: 8 });
  const message = kind === 'error' ? errorMessage(random) : goodMessage(random, stream);
  const framing = random.weighted<Framing>({ length: message.events ? 2 : 50, chunked: 50, eof: 8 });
  const bytes = wire(random, message, framing);
  const pieces = random.segments(bytes);
  const whole = {
    name: `${kind}/${framing}`,
    pieces,
    pause: pieces.length < 20 && random.chance(0.2) ? 1 : 0,
    end: framing === 'eof' ? ('fin' as const) : random.pick(['open', 'open', 'open', 'fin'] as const),
    status: message.status,
    payload: message.body,
    complete: true,
    events: message.events,
    finished: message.finished,
    mangled: false,
  };
  switch (kind) {
    case 'good':
    case 'error':
      return whole;
    case 'nothing':
      return { ...whole, pieces: [], complete: false, end: random.pick(['fin', 'rst']), payload: Buffer.alloc(0) };
    case 'cut':
    case 'silent': {
      const at = random.int(1, bytes.length - 1);
      // Who ends a body by closing cannot be told from who breaks it off.
      const end = kind === 'silent' ? 'open' : framing === 'eof' ? 'rst' : random.pick(['fin', 'rst'] as const);
      const name = `${kind}-${end}@${at}/${framing}`;
      return { ...whole, name, pieces: random.segments(bytes.subarray(0, at)), pause: 0, complete: false, end };
    }
    case 'mangled':
      return { ...whole, pieces: random.segments(mangle(random, bytes)), pause: 0, mangled: true };
    case 'malformed':
      return { ...whole, ...malformed(random, message), complete: false, end: random.pick(['open', 'fin']) };
  }
}

function goodMessage(random: Random, stream: boolean): Message {
  if (!stream) {
    const size = random.weighted({ small: 80, held: 10, large: 10 });
    const length = size === 'small' ? random.int(0, 300) : size === 'held' ? 64_000 : random.int(70_000, 400_000);
    const choices = [{ index: 0, message: { content: text(random, length) }, finish_reason: 'stop' }];
    const body = Buffer.from(JSON.stringify({ object: 'chat.completion', choices }));
    return { status: 200, type: 'application/json', body, events: false, finished: true };
  }
  const gap = random.pick(['\n\n', '\n\n', '\n\n', '\r\n\r\n']);
  const tokens = random.chance(0.05) ? random.int(500, 2_000) : random.int(0, 20);
  const events = [`data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}${gap}`];
  for (let index = 0; index < tokens; index++) {
    if (random.chance(0.05)) events.push(`: ping${gap}`);
    const content = JSON.stringify(text(random, random.int(0, 30)));
    events.push(`data: {"choices":[{"index":0,"delta":{"content":${content}},"finish_reason":null}]}${gap}`);
  }
  const end = random.weighted({ finished: 70, unfinished: 10, error: 10, 'first-error': 10 });
  if (end === 'finished') events.push(`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}${gap}`);
  const error = `data: {"error": {"message": "engine died", "type": "InternalServerError", "code": 500}}${gap}`;
  if (end === 'error') events.push(error);
  if (end === 'first-error') events.unshift(error);
  if (random.chance(0.9)) events.push(`data: [DONE]${gap}`);
  const body = Buffer.from(events.join(''));
  return { status: 200, type: 'text/event-stream; charset=utf-8', body, events: true, finished: end !== 'unfinished' };
}

function errorMessage(random: Random): Message {
  const status = random.pick([400, 404, 422, 429, 500, 502, 503, 504]);
  const error = { message: text(random, 20), type: 'BadRequestError', param: null, code: status };
  return {
    status,
    type: 'application/json',
    body: Buffer.from(JSON.stringify({ error })),
    events: false,
    finished: true,
  };
}

function wire(random: Random, { status, type, body }: Message, framing: Framing): Buffer {
  const interim = random.chance(0.05) ? 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n' : '';
  const headers = [`content-type: ${type}`, 'server: uvicorn', 'x-engine: 1', 'X-Engine: 2'];
  if (random.chance(0.1)) headers.push('x-request-id: of-the-engine', 'keep-alive: timeout=5', 'date: yesterday');
  if (framing === 'length') headers.push(`content-length: ${body.length}`);
  if (framing === 'chunked') headers.push('Transfer-Encoding: chunked');
  const head = Buffer.from(`${interim}HTTP/1.1 ${status} Some Reason\r\n${headers.join('\r\n')}\r\n\r\n`, 'latin1');
  return Buffer.concat([head, framing === 'chunked' ? chunked(random, body) : body]);
}

function chunked(random: Random, body: Buffer): Buffer {
  const parts: Buffer[] = [];
  const byEvent = random.chance(0.5);
  const extension = random.chance(0.1) ? ';a=b' : '';
  for (let at = 0; at < body.length; ) {
    const event = byEvent ? body.indexOf('\n\n', at) + 2 : 0;
    const end = event > 1 ? event : Math.min(body.length, at + random.int(1, random.chance(0.3) ? 9 : 50_000));
    parts.push(Buffer.from(`${(end - at).toString(16)}${extension}\r\n`), body.subarray(at, end), Buffer.from('\r\n'));
    at = end;
  }
  parts.push(Buffer.from(`0\r\n${random.chance(0.1) ? 'x-trailer: 1\r\n' : ''}\r\n`));
  return Buffer.concat(parts);
}

/** What the grammar forbids in a way that no reader may overlook. */
function malformed(random: Random, { body }: Message): { name: string; pieces: Buffer[]; payload: Buffer } {
  const length = `content-length: ${body.length}\r\n`;
  const heads: Readonly<Record<string, string>> = {
    garbage: '\x00\x01garbage\r\n\r\n',
    'two-lengths': `HTTP/1.1 200 OK\r\n${length}content-length: ${body.length + 1}\r\n\r\n`,
    'both-framings': `HTTP/1.1 200 OK\r\n${length}transfer-encoding: chunked\r\n\r\n`,
    'negative-length': 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n',
    fold: `HTTP/1.1 200 OK\r\nx-a: b\r\n c\r\n${length}\r\n`,
    'space-before-colon': `HTTP/1.1 200 OK\r\nx-a : b\r\n${length}\r\n`,
    nul: `HTTP/1.1 200 OK\r\nx-a: b\0c\r\n${length}\r\n`,
    'large-head': `HTTP/1.1 200 OK\r\nx-a: ${'b'.repeat(20_000)}\r\n${length}\r\n`,
    switching: 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
    'gzip-chunked': 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n',
    'chunk-size': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\n',
    'huge-chunk': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n',
    'version-2': `HTTP/2.0 200 OK\r\n${length}\r\n`,
  };
  const name = random.pick(Object.keys(heads));
  const bytes = Buffer.concat([Buffer.from(heads[name]!, 'latin1'), body]);
  return { name, pieces: random.segments(bytes), payload: Buffer.alloc(0) };
}

/** A few bytes put in, taken out or replaced. */
export function mangle(random: Random, bytes: Buffer): Buffer {
  let text = bytes.toString('latin1');
  // Nearly all that matters stands at the front.
  const reach = random.chance(0.7) ? Math.min(text.length, 400) : text.length;
  for (let count = random.int(1, 3); count > 0; count--) {
    const at = random.int(0, reach - 1);
    const how = random.weighted({ insert: 40, remove: 30, replace: 20, cut: 5, repeat: 5 });
    if (how === 'insert') text = text.slice(0, at) + random.pick(SPECIAL) + text.slice(at);
    else if (how === 'remove') text = text.slice(0, at) + text.slice(at + random.int(1, 4));
    else if (how === 'replace') text = text.slice(0, at) + random.pick(SPECIAL) + text.slice(at + 1);
    else if (how === 'cut') text = text.slice(0, Math.max(1, at));
    else text = text.slice(0, at) + text.slice(Math.max(0, at - random.int(1, 60)), at) + text.slice(at);
  }
  return Buffer.from(text, 'latin1');
}

const ALPHABET = ['a', 'b', ' ', 'ü', '中', '😀', '"', '\\', '\n', '{', 'error', '[DONE]', 'data: ', '\u2028'];

export function text(random: Random, length: number): string {
  if (length > 1_000) return text(random, 100).repeat(Math.ceil(length / 100));
  return Array.from({ length }, () => random.pick(ALPHABET)).join('');
}
