import type { ResponseHead } from '../../backends/pool.ts';

/** Engines answer with some 300 bytes of head; more than this is no engine of ours. */
export const MAX_HEAD = 16 * 1024;

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
/** All header lines at once, each behind its line break: a token, a colon, and a value without control characters. */
const HEADER_LINES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
  /^(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*)*$/;

/** A parsed head, and whether the connection may be used again. */
export interface ParsedHead extends ResponseHead {
  readonly keepAlive: boolean;
}

/**
 * Parses a response head (without its final empty line), strictly: a wrong status line, a space before a colon, a folded
 * line, a control character, two lengths or a length beside an encoding are errors. Returns the reason as text then.
 */
export function parseHead(text: string, method: string): ParsedHead | string {
  const statusEnd = text.indexOf('\r\n');
  const headerLines = statusEnd < 0 ? '' : text.slice(statusEnd);
  const statusLine = STATUS_LINE.exec(statusEnd < 0 ? text : text.slice(0, statusEnd));
  if (!statusLine) return 'malformed status line';
  if (!HEADER_LINES.test(headerLines)) return 'malformed header line';
  const status = Number(statusLine[2]);
  let keepAlive = statusLine[1] === '1';
  const rawHeaders: string[] = [];
  let length = -1;
  let encoding = '';
  for (let start = 2; start < headerLines.length; ) {
    const lineEnd = headerLines.indexOf('\r\n', start);
    const end = lineEnd < 0 ? headerLines.length : lineEnd;
    const colon = headerLines.indexOf(':', start);
    const name = headerLines.slice(start, colon);
    const value = withoutSpace(headerLines, colon + 1, end);
    start = end + 2;
    rawHeaders.push(name, value);
    switch (name.length) {
      case 14:
        if (name.toLowerCase() !== 'content-length') break;
        if (!/^\d{1,15}$/.test(value)) return 'malformed content-length';
        if (length >= 0) return 'two content-lengths';
        length = Number(value);
        break;
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        if (encoding !== '') return 'two transfer-encodings';
        encoding = value.toLowerCase();
        if (encoding !== 'chunked') return 'unsupported transfer-encoding';
        break;
      case 10:
        if (name.toLowerCase() !== 'connection') break;
        if (/\bclose\b/i.test(value)) keepAlive = false;
        else if (/\bkeep-alive\b/i.test(value)) keepAlive = true;
        break;
    }
  }
  if (length >= 0 && encoding !== '') return 'content-length beside transfer-encoding';
  if (encoding !== '' && statusLine[1] === '0') return 'transfer-encoding in HTTP/1.0';
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') {
    return { status, rawHeaders, framing: 'none', length: 0, keepAlive };
  }
  if (encoding !== '') return { status, rawHeaders, framing: 'chunked', length: 0, keepAlive };
  if (length >= 0) return { status, rawHeaders, framing: length === 0 ? 'none' : 'length', length, keepAlive };
  return { status, rawHeaders, framing: 'eof', length: 0, keepAlive: false };
}

/** Spaces and tabs alone: `trim` also takes line breaks and other control characters away, which must be refused. */
function withoutSpace(line: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(line.charCodeAt(start))) start++;
  while (end > start && isSpace(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
