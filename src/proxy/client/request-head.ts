import { HEADER_LINES, withoutSpace } from '../header-lines.ts';

const REQUEST_LINE = /^POST (\/[!-~]*) HTTP\/1\.1$/;
const LENGTH = /^\d{1,15}$/;

/** A POST whose body has a length and whose head holds nothing that can be read in two ways. */
export interface PlainHead {
  readonly url: string;
  /** Alternating names and values as they came. */
  readonly rawHeaders: string[];
  /** By lower-case name, each of which is there once. */
  readonly headers: Record<string, string>;
  /** Bytes of body. */
  readonly length: number;
}

/**
 * Parses a request head (latin1, without its final empty line) if it is plain; undefined otherwise, which is no verdict: `node:http` then
 * reads it anew and decides. So this may be as narrow as it likes, and must never be wider than llhttp with the checks of the pipeline:
 * one Content-Length and no other framing, no name twice, no Expect, no Upgrade, a connection that is to be kept.
 */
export function parsePlainHead(text: string): PlainHead | undefined {
  const lineEnd = text.indexOf('\r\n');
  if (lineEnd < 0) return undefined;
  const url = REQUEST_LINE.exec(text.slice(0, lineEnd))?.[1];
  const lines = text.slice(lineEnd);
  if (url === undefined || !HEADER_LINES.test(lines)) return undefined;
  const rawHeaders: string[] = [];
  const headers: Record<string, string> = {};
  for (let start = 2; start < lines.length; ) {
    const found = lines.indexOf('\r\n', start);
    const end = found < 0 ? lines.length : found;
    const colon = lines.indexOf(':', start);
    const name = lines.slice(start, colon);
    const lower = name.toLowerCase();
    const value = withoutSpace(lines, colon + 1, end);
    start = end + 2;
    // Also what an object has by birth: `__proto__`, `constructor`.
    if (lower in headers || !isPlain(lower, value)) return undefined;
    headers[lower] = value;
    rawHeaders.push(name, value);
  }
  const length = headers['content-length'];
  if (length === undefined || !LENGTH.test(length)) return undefined;
  return { url, rawHeaders, headers, length: Number(length) };
}

function isPlain(name: string, value: string): boolean {
  switch (name) {
    case 'transfer-encoding':
    case 'expect':
    case 'upgrade':
      return false;
    case 'connection':
      return value === 'keep-alive' || value === 'Keep-Alive';
    default:
      return true;
  }
}
