/**
 * One log record as one line, JSON or text. Names in it come from clients and backends, so nothing may end the line early,
 * move a terminal's cursor or turn the direction of its text.
 */

export type Fields = Readonly<Record<string, unknown>>;

const PRINTABLE = /^[ !#-[\]-~]*$/;
const BARE = /^[\w./:@+,%*?&=()[\]{}<>|;-]+$/;
/** What JSON.stringify leaves: DEL and C1 controls, line separators, direction marks and overrides, the byte order mark. */
const UNSAFE = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Values of members with these names are never written. */
const SECRET = /^(?:proxy[-_]?)?authorization$|^(?:x[-_])?api[-_]?keys?$|^(?:set[-_]?)?cookie$|^password$|^secret$/i;
const REDACTED = '[redacted]';
const MAX_DEPTH = 6;

export function isSecretName(name: string): boolean {
  return SECRET.test(name);
}

function hex(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A JSON string, all of it printable; lone surrogates are escaped. */
export function quote(text: string): string {
  return PRINTABLE.test(text) ? `"${text}"` : JSON.stringify(text).replace(UNSAFE, hex);
}

/** Text as `quote` escapes it, but without quotes around it. */
function escapeText(text: string): string {
  return PRINTABLE.test(text) ? text : quote(text).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
}

/** Makes what JSON.stringify or pino wrote printable; such characters only stand inside of strings. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, hex);
}

/** `,"name":value` for each field that is not undefined. */
export function jsonFields(fields: Fields): string {
  let line = '';
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    line += `,${quote(name)}:${SECRET.test(name) ? quote(REDACTED) : jsonValue(value)}`;
  }
  return line;
}

function jsonValue(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (typeof value === 'boolean' || value === null) return String(value);
  return escapeJson(JSON.stringify(redact(value)) ?? 'null');
}

/** ` name=value` for each field that is not undefined. */
export function textFields(fields: Fields): string {
  let line = '';
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    line += ` ${escapeText(name)}=${SECRET.test(name) ? REDACTED : textValue(value)}`;
  }
  return line;
}

function textValue(value: unknown): string {
  if (typeof value === 'string') return BARE.test(value) ? value : quote(value);
  return jsonValue(value);
}

/** `2026-01-31T12:00:00.000Z INFO  message name=value`. */
export function textLine(time: string, level: string, message: string, fields: Fields): string {
  return `${time} ${level.toUpperCase().padEnd(5)} ${escapeText(message)}${textFields(fields)}\n`;
}

/** The same order of members as pino's, so that a line does not show which way it took. `fields` as of `jsonFields`. */
export function jsonLine(time: string, level: string, message: string, fields: string): string {
  return `{"level":"${level}","time":"${time}"${fields},"msg":${quote(message)}}\n`;
}

/**
 * A copy for the log: secrets by the name of their member, also in arrays of alternating names and values; errors without
 * their extra members, which with got hold the whole request.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value;
  if (depth > MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) {
    return value.map((item, i) => {
      const before = value[i - 1];
      const secret = typeof item === 'string' && typeof before === 'string' && SECRET.test(before);
      return secret ? REDACTED : redact(item, depth + 1);
    });
  }
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    copy[name] = SECRET.test(name) && member !== undefined ? REDACTED : redact(member, depth + 1);
  }
  return copy;
}

function describeError(error: Error, depth: number): object {
  const { name, message, stack, cause } = error;
  const code = (error as NodeJS.ErrnoException).code;
  return {
    type: name,
    message,
    ...(code !== undefined && { code }),
    stack,
    ...(cause !== undefined && { cause: redact(cause, depth + 1) }),
  };
}
