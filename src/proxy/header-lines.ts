/** All header lines of a head at once, each behind its line break: a token, a colon, and a value without control characters. */
export const HEADER_LINES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
  /^(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*)*$/;

/** A header's value at [from, to). Spaces and tabs alone go: `trim` also takes what must be refused. */
export function withoutSpace(lines: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(lines.charCodeAt(start))) start++;
  while (end > start && isSpace(lines.charCodeAt(end - 1))) end--;
  return lines.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
