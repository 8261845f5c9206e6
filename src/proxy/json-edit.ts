import type { JsonMembers } from './json-scan.ts';

const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;

/** What is to become of top-level members: their new value as JSON text, or undefined to leave them out. */
export type MemberEdits = Readonly<Record<string, string | undefined>>;

/**
 * A copy of the body with some top-level members set or left out. All other bytes stay as they came, white space and all: a seed of
 * 64 bits survives, and so does what we know nothing of. New members come last, in the order of `edits`.
 */
export function editMembers(members: JsonMembers, edits: MemberEdits): Buffer {
  const { body, keys, starts, ends } = members;
  const opened = body.indexOf(OPEN_BRACE) + 1;
  const pieces: (Buffer | string)[] = [];
  let copied = 0;
  let any = false;
  const copyTo = (end: number) => {
    if (end > copied) pieces.push(body.subarray(copied, end));
    copied = end;
  };
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    const edited = Object.hasOwn(edits, key);
    const begin = index === 0 ? opened : ends[index - 1]!;
    if (edited && edits[key] === undefined) {
      copyTo(begin);
      copied = ends[index]!;
      continue;
    }
    // The comma in front belonged to what was left out.
    if (!any && index > 0) {
      copyTo(begin);
      copied = body.indexOf(COMMA, begin) + 1;
    }
    any = true;
    if (!edited) continue;
    copyTo(starts[index]!);
    pieces.push(edits[key]!);
    copied = ends[index]!;
  }
  copyTo(keys.length === 0 ? opened : ends.at(-1)!);
  for (const [key, value] of Object.entries(edits)) {
    if (value === undefined || keys.includes(key)) continue;
    pieces.push(`${any ? ',' : ''}${JSON.stringify(key)}:${value}`);
    any = true;
  }
  copyTo(body.length);
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}
