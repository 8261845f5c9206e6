import { isUtf8 } from 'node:buffer';
import { RouterError } from '../errors.ts';
import { JsonMembers, MAX_DEPTH, MemberScan, type ScanFault, scanMembers } from '../proxy/json-scan.ts';
import { nextTurn } from '../proxy/turns.ts';

/** Bodies of up to this many bytes are read in one go: that takes some 0.2 ms, and no turn has to be waited for. */
export const ONE_GO = 1024 * 1024;
/** Bytes read in one turn of the event loop: 40 µs of text, 1–2 ms of the shortest tokens. */
const PIECE = 256 * 1024;

/**
 * The members of a request's body; throws or rejects with what the client is told. A long body is read a piece at a time once it is
 * complete: in one go 33 MB hold up every other request for 7 ms, and ten times that on a busy machine. To read it as it comes would save
 * its client these milliseconds too, but then the scan would have to tell a body's end from that of a piece in each of its states, for
 * every way in which a body can come.
 */
export function readMembers(body: Buffer): JsonMembers | Promise<JsonMembers> {
  if (body.length > ONE_GO) return readInTurns(body, PIECE);
  if (!isUtf8(body)) throw new RouterError('invalid_encoding');
  return accepted(scanMembers(body));
}

/** `piece`: bytes read in one turn. */
export async function readInTurns(body: Buffer, piece: number): Promise<JsonMembers> {
  const scan = new MemberScan(body);
  let found: JsonMembers | ScanFault | undefined;
  for (let at = 0; at < body.length; ) {
    await nextTurn();
    const to = characterStart(body, Math.min(body.length, at + piece), at);
    // Even where the scan has found a fault already: a wrong encoding is the first that clients are told.
    if (!isUtf8(body.subarray(at, to))) throw new RouterError('invalid_encoding');
    found ??= scan.advance(to);
    at = to;
  }
  return accepted(found!);
}

/** Cut between characters, a text is valid when its pieces are. No character has more than three bytes behind its first. */
function characterStart(body: Buffer, at: number, after: number): number {
  const least = Math.max(after + 1, at - 3);
  let start = at;
  while (start > least && start < body.length && (body[start]! & 0xc0) === 0x80) start--;
  return start;
}

function accepted(found: JsonMembers | ScanFault): JsonMembers {
  if (found instanceof JsonMembers) return found;
  switch (found.fault) {
    case 'invalid_json':
      throw new RouterError('invalid_json', { detail: `: ${found.detail} (at byte ${found.at})` });
    case 'duplicate_key':
      throw new RouterError('duplicate_key', { key: found.key.slice(0, 100) });
    case 'too_deep':
      throw new RouterError('too_deep', { limit: MAX_DEPTH });
    default:
      throw new RouterError('not_an_object');
  }
}
