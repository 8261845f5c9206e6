import { createHmac, randomBytes } from 'node:crypto';

export interface KeyHolder {
  /** For logs and metrics. */
  readonly name: string;
}

const COLON = /^([\w.-]+):\s+(.+)$/;
/** Not followed by `=` alone: that is the padding of a bare base64 key. */
const EQUALS = /^([\w.-]+)\s*=\s*(.*[^=].*)$/;
const QUOTED = /^(["'])(.*)\1$/;

/** Compared by digests under this: what comparing takes then says nothing about the keys. */
const SALT = randomBytes(32);
const FORM = 'expected `name: key`, the key of printable characters without spaces';

/**
 * The keys of an `api-key` auth: one a line, or separated by commas, as `name: key`, `name=key` or the key alone (named `key-1`,
 * `key-2` by its place); blank lines and lines from `#` on do not count. A key holds no comma, and a bare one no `=` but at its end.
 */
export class KeySet {
  readonly #holders: ReadonlyMap<string, KeyHolder>;

  /** Throws with the line, never the key, where the text is none. */
  constructor(text: string) {
    const holders = new Map<string, KeyHolder>();
    let place = 0;
    for (const [i, line] of text.split(/\r?\n/).entries()) {
      for (const part of line.replace(/(?:^|\s+)#.*$/, '').split(',')) {
        const entry = part.trim();
        if (entry === '') continue;
        place++;
        const named = COLON.exec(entry) ?? EQUALS.exec(entry);
        const value = named ? named[2]! : entry;
        const key = QUOTED.exec(value)?.[2] ?? value;
        if (!isKey(key)) throw new Error(`line ${i + 1} holds no key: ${FORM}`);
        const digest = digestOf(key);
        const same = holders.get(digest);
        if (same) throw new Error(`line ${i + 1} holds the key of ${same.name} again`);
        holders.set(digest, { name: named?.[1] ?? `key-${place}` });
      }
    }
    if (holders.size === 0) throw new Error('it holds no key');
    this.#holders = holders;
  }

  find(presented: string): KeyHolder | undefined {
    return this.#holders.get(digestOf(presented));
  }
}

/** Whether it can stand in a header as it is. */
export function isKey(text: string): boolean {
  return /^[!-~]+$/.test(text);
}

/** Whether it can be a header's whole value: `Bearer KEY` has a space in it. */
export function isHeaderValue(text: string): boolean {
  return /^[ -~]+$/.test(text);
}

function digestOf(key: string): string {
  return createHmac('sha256', SALT).update(key).digest('base64');
}
