import type { ResponseHead } from '../../backends/pool.ts';
import { HEADER_LINES, withoutSpace } from '../header-lines.ts';

/** Engines answer with some 300 bytes of head; more than this is no engine of ours. */
export const MAX_HEAD = 16 * 1024;

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;

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
