import { JsonStrings } from './json-strings.ts';

/**
 * Finds the top-level members of a JSON object in its raw bytes, without building a value: JSON.parse of a 220 KB prompt
 * takes 1.6–3 ms of the event loop, this some 0.05 ms, and the bytes go on to the engine as they came anyway.
 *
 * It checks the grammar of RFC 8259 but for the letters behind back-slashes, which cannot move a member's border; the engine
 * checks those. Nesting is bounded before anything recursive sees it: 10 MB of `[` blocked an event loop for 1.5 s.
 */
export const MAX_DEPTH = 128;

export type ScanFault =
  | { readonly fault: 'invalid_json'; readonly at: number; readonly detail: string }
  | { readonly fault: 'not_an_object' }
  | { readonly fault: 'too_deep' }
  | { readonly fault: 'duplicate_key'; readonly key: string };

/** Top-level members in order: `keys[i]`'s value lies at [starts[i], ends[i]). */
export class JsonMembers {
  readonly body: Buffer;
  readonly keys: string[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];

  constructor(body: Buffer) {
    this.body = body;
  }

  range(key: string): readonly [start: number, end: number] | undefined {
    const index = this.keys.indexOf(key);
    return index < 0 ? undefined : [this.starts[index]!, this.ends[index]!];
  }

  /** The same members in a body where the value at `changed` was replaced by one `shift` bytes longer. */
  moved(body: Buffer, changed: readonly [start: number, end: number], shift: number): JsonMembers {
    const moved = new JsonMembers(body);
    moved.keys.push(...this.keys);
    moved.starts.push(...this.starts.map((start) => (start > changed[0] ? start + shift : start)));
    moved.ends.push(...this.ends.map((end) => (end >= changed[1] ? end + shift : end)));
    return moved;
  }

  /** The parsed value of a small member; undefined when it is absent or not valid JSON after all. */
  value(key: string): unknown {
    const range = this.range(key);
    if (range === undefined) return undefined;
    try {
      return JSON.parse(this.body.toString('utf8', range[0], range[1]));
    } catch {
      return undefined;
    }
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const VALUE = 0;
const VALUE_OR_CLOSE = 1;
const KEY = 2;
const KEY_OR_CLOSE = 3;
const AFTER_VALUE = 4;

/** Bytes of white space between tokens, and bytes that may stand in numbers and in true, false, null. */
const CLASS = new Uint8Array(256);
for (const byte of Buffer.from(' \t\r\n')) CLASS[byte] = 1;
for (const byte of Buffer.from('+-.0123456789eE')) CLASS[byte] = 2;

const LITERALS = ['true', 'false', 'null'];
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** Of more keys than these a set tells whether one was there already: comparing each with all took 2.6 s for 50,000 (490 KB). */
const FEW_KEYS = 16;
/** Is 1 at depth n when the container there is an object. Shared: whoever stops keeps a copy. */
const isObject = new Uint8Array(MAX_DEPTH + 1);

const strings = new JsonStrings();

/** Scans the whole body at once. */
export function scanMembers(body: Buffer): JsonMembers | ScanFault {
  return new MemberScan(body).advance(body.length)!;
}

/**
 * The scan of one whole body, which may stop on its way so that others get their turn: between tokens, in white space before them and in
 * strings. Wherever it stops, it finds the same. A number, or white space around a colon, is passed at once, however long it is.
 */
export class MemberScan {
  readonly #body: Buffer;
  readonly #members: JsonMembers;
  #keys: Set<string> | undefined;
  #at = 0;
  #depth = 0;
  #state = KEY_OR_CLOSE;
  #containers: Uint8Array | undefined;
  /** Where it goes on in the string that opens at `#at`; 0: it does not stand in one. */
  #next = 0;

  constructor(body: Buffer) {
    this.#body = body;
    this.#members = new JsonMembers(body);
  }

  /** Scans to `to`, or a little further. What it has found, for the body's end at the latest; undefined: there is more. */
  advance(to: number): JsonMembers | ScanFault | undefined {
    const body = this.#body;
    const end = body.length;
    const members = this.#members;
    let at = this.#at;
    let next = this.#next;
    let depth = this.#depth;
    let state = this.#state;
    if (to < end && Math.max(at, next) >= to) return undefined;
    strings.load(body, Math.max(at, next), to);
    if (this.#containers !== undefined) isObject.set(this.#containers);
    if (depth === 0) {
      at = skipSpace(body, 0);
      // A byte order mark is not JSON, though some clients send it.
      if (at === end) return invalid(at, 'it is empty');
      if (body[at] !== OPEN_BRACE) return nonObject(body, at);
      depth = 1;
      isObject[1] = 1;
      at++;
    }
    while (depth > 0) {
      while (at < to && CLASS[body[at]!] === 1) at++;
      if (at >= to) return to < end ? this.#stop(at, 0, depth, state) : invalid(at, 'it ends early');
      const byte = body[at]!;
      if (state === AFTER_VALUE) {
        if (byte === COMMA) {
          if (depth === 1) members.ends.push(memberEnd(body, at));
          state = isObject[depth] === 1 ? KEY : VALUE;
        } else if (byte === (isObject[depth] === 1 ? CLOSE_BRACE : CLOSE_BRACKET)) {
          if (depth === 1) members.ends.push(memberEnd(body, at));
          depth--;
        } else return invalid(at, 'a comma or a closing bracket is missing');
        at++;
      } else if (state === KEY || state === KEY_OR_CLOSE) {
        if (byte === CLOSE_BRACE && state === KEY_OR_CLOSE) {
          depth--;
          at++;
          state = AFTER_VALUE;
          continue;
        }
        if (byte !== QUOTE) return invalid(at, 'a member name is missing');
        const close = strings.end(next === 0 ? at + 1 : next);
        next = 0;
        if (close === -1 && to < end) return this.#stop(at, strings.next, depth, state);
        if (close < 0) return unended(at, close);
        if (depth === 1) {
          const key = keyText(body, at, close);
          if (key === undefined) return invalid(at, 'a member name is malformed');
          if (this.#isKnown(key)) return { fault: 'duplicate_key', key };
          members.keys.push(key);
        }
        at = skipSpace(body, close + 1);
        if (body[at] !== COLON) return invalid(at, 'a colon is missing');
        at = skipSpace(body, at + 1);
        if (depth === 1) members.starts.push(at);
        state = VALUE;
      } else if (byte === QUOTE) {
        const close = strings.end(next === 0 ? at + 1 : next);
        next = 0;
        if (close === -1 && to < end) return this.#stop(at, strings.next, depth, state);
        if (close < 0) return unended(at, close);
        at = close + 1;
        state = AFTER_VALUE;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++depth > MAX_DEPTH) return { fault: 'too_deep' };
        isObject[depth] = byte === OPEN_BRACE ? 1 : 0;
        state = byte === OPEN_BRACE ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
        at++;
      } else if (byte === CLOSE_BRACKET && state === VALUE_OR_CLOSE) {
        depth--;
        at++;
        state = AFTER_VALUE;
      } else {
        const stop = scalarEnd(body, at);
        if (stop < 0) return invalid(at, 'a value is missing or malformed');
        at = stop;
        state = AFTER_VALUE;
      }
    }
    at = skipSpace(body, at);
    return at === end ? members : invalid(at, 'something follows the object');
  }

  #stop(at: number, next: number, depth: number, state: number): undefined {
    this.#at = at;
    this.#next = next;
    this.#depth = depth;
    this.#state = state;
    this.#containers = isObject.slice(0, depth + 1);
  }

  #isKnown(key: string): boolean {
    const { keys } = this.#members;
    if (keys.length < FEW_KEYS) return keys.includes(key);
    this.#keys ??= new Set(keys);
    if (this.#keys.has(key)) return true;
    this.#keys.add(key);
    return false;
  }
}

function unended(at: number, close: number): ScanFault {
  return invalid(at, close === -1 ? 'a string does not end' : 'a string has a control character in it');
}

function skipSpace(body: Buffer, start: number): number {
  let at = start;
  while (at < body.length && CLASS[body[at]!] === 1) at++;
  return at;
}

/** White space behind a value is not part of it. */
function memberEnd(body: Buffer, at: number): number {
  let end = at;
  while (CLASS[body[end - 1]!] === 1) end--;
  return end;
}

function scalarEnd(body: Buffer, start: number): number {
  const first = body[start]!;
  if (CLASS[first] !== 2 || first === 0x65 || first === 0x45) {
    for (const literal of LITERALS) {
      const stop = start + literal.length;
      if (first === literal.charCodeAt(0) && body.toString('latin1', start, stop) === literal) return stop;
    }
    return -1;
  }
  let at = start;
  // Runs of digits are the common case (token arrays); anything else is held against the grammar.
  while (at < body.length && body[at]! >= 0x30 && body[at]! <= 0x39) at++;
  if (at > start && CLASS[body[at] ?? 0] !== 2 && (first !== 0x30 || at === start + 1)) return at;
  while (at < body.length && CLASS[body[at]!] === 2) at++;
  return NUMBER.test(body.toString('latin1', start, at)) ? at : -1;
}

function keyText(body: Buffer, open: number, close: number): string | undefined {
  const raw = body.toString('utf8', open + 1, close);
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return undefined;
  }
}

function nonObject(body: Buffer, at: number): ScanFault {
  if (body.length > 65_536) return { fault: 'not_an_object' };
  try {
    JSON.parse(body.toString('utf8'));
    return { fault: 'not_an_object' };
  } catch {
    return invalid(at, 'it does not begin with an object');
  }
}

function invalid(at: number, detail: string): ScanFault {
  return { fault: 'invalid_json', at, detail };
}
