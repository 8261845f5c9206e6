import type { IncomingMessage, ServerResponse } from 'node:http';
import { RouterError } from '../errors.ts';
import { bodyBudget, type IncomingBody, releaseBody } from '../proxy/body-budget.ts';
import { BodyPieces } from '../proxy/body-pieces.ts';
import { takeLongSlab, takeSlab } from '../proxy/body-slabs.ts';
import { bodyTooLarge, noRoom, PROMISED, type ReadBody, tooSlow } from '../proxy/client/plain-body.ts';
import { PlainRequest } from '../proxy/client/plain-request.ts';
import { takeTurns } from '../proxy/client/take-turns.ts';
import { nextTurn } from '../proxy/turns.ts';

/** Pieces of a body that are taken without a look at others: each costs some 2 µs, most of them in `node:http`, however short it is. */
const IN_A_ROW = 256;

/**
 * Refuses what is too large by its length before a byte of it is read, or on crossing the limit; the connection closes with that
 * answer, since the rest of the body is still on its way.
 */
export function readBody(
  request: IncomingMessage | PlainRequest,
  response: ServerResponse,
  limit: number,
): ReadBody | Promise<ReadBody> {
  if (request instanceof PlainRequest) return request.body(limit);
  const declared = Number(request.headers['content-length'] ?? -1);
  if (declared > limit) return Promise.reject(bodyTooLarge(limit));
  // A client that asks first is told to go on only now: key and size have been looked at.
  if (request.headers.expect !== undefined && request.httpVersionMinor === 1) response.writeContinue();
  return new Promise((resolve, reject) => {
    const evict = () => refuse(tooSlow());
    const memory = { slab: takeSlab(declared), reserved: 0, received: 0, evict } satisfies IncomingBody;
    let whole = memory.slab;
    let pieces: BodyPieces | undefined;
    let first: Buffer | undefined;
    let count = 0;
    const onData = (piece: Buffer) => {
      if (++count % IN_A_ROW === 0) takeTurns(request.socket);
      const length = memory.received;
      const after = length + piece.length;
      if (after > limit) {
        refuse(bodyTooLarge(limit));
        return;
      }
      // Of a declared length all at once, as its memory is taken, otherwise as it comes.
      const due = whole !== undefined || after <= PROMISED ? 0 : Math.max(declared, after) - memory.reserved;
      if ((bodyBudget.shut && declared - after > PROMISED) || (due > 0 && !bodyBudget.reserve(due, memory))) {
        refuse(noRoom());
        return;
      }
      memory.reserved += due;
      if (whole === undefined && length > PROMISED && declared > length) {
        memory.slab = takeLongSlab(declared);
        whole = memory.slab ?? Buffer.allocUnsafeSlow(declared);
        Buffer.concat(pieces?.take() ?? [first!]).copy(whole);
        pieces = first = undefined;
      }
      if (whole !== undefined) piece.copy(whole, length);
      else if (first === undefined) first = piece;
      else {
        if (pieces === undefined) {
          pieces = new BodyPieces();
          pieces.add(first);
        }
        pieces.add(piece);
      }
      memory.received = after;
    };
    const refuse = (error: RouterError) => {
      drop();
      request.pause();
      reject(error);
    };
    const onEnd = () => {
      forget();
      const { slab, reserved, received: length } = memory;
      if (whole !== undefined) resolve({ body: whole.subarray(0, length), slab, reserved });
      else if (pieces === undefined) resolve({ body: first ?? EMPTY, slab, reserved });
      else if (length <= PROMISED) resolve({ body: Buffer.concat(pieces.take(), length), slab, reserved });
      else void joinInTurns(pieces.take(), length, reserved).then(resolve);
    };
    const onClose = () => {
      drop();
      reject(new RouterError('bad_request', { detail: 'the request ended early' }));
    };
    const drop = () => {
      forget();
      releaseBody(memory);
    };
    const forget = () => {
      if (memory.reserved > 0) bodyBudget.forget(memory);
      request.off('data', onData);
      request.off('end', onEnd);
      request.off('error', onClose);
      request.off('close', onClose);
    };
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('error', onClose);
    request.on('close', onClose);
  });
}

/** Bytes copied in one turn of the event loop: to join 33 MB at once takes 25 ms, most of it for memory that is touched for the first time. */
const JOINED = 512 * 1024;

async function joinInTurns(pieces: readonly Buffer[], length: number, reserved: number): Promise<ReadBody> {
  const slab = takeSlab(length) ?? takeLongSlab(length);
  const whole = slab ?? Buffer.allocUnsafeSlow(length);
  let at = 0;
  let due = JOINED;
  for (const piece of pieces) {
    piece.copy(whole, at);
    at += piece.length;
    if (at < due) continue;
    due = at + JOINED;
    await nextTurn();
  }
  return { body: whole.subarray(0, length), slab, reserved };
}

const EMPTY = Buffer.alloc(0);
