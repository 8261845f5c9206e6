import type { IncomingMessage } from 'node:http';
import { RouterError } from '../errors.ts';
import { formatSize } from '../units.ts';

/**
 * The whole body, in one buffer. Refuses what is too large by its length before a byte of it is read, or on crossing the limit;
 * the connection closes with that answer, since the rest of the body is still on its way.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? -1);
  if (declared > limit) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    let length = 0;
    request.on('data', (piece: Buffer) => {
      length += piece.length;
      if (length > limit) {
        request.removeAllListeners('data');
        request.pause();
        reject(tooLarge(limit));
      } else if (first === undefined) first = piece;
      else if (rest === undefined) rest = [first, piece];
      else rest.push(piece);
    });
    request.on('end', () => resolve(rest === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(rest, length)));
    request.on('error', () => reject(new RouterError('bad_request', { detail: 'the request ended early' })));
    request.on('close', () => reject(new RouterError('bad_request', { detail: 'the request ended early' })));
  });
}

function tooLarge(limit: number): RouterError {
  return new RouterError('body_too_large', { limit: formatSize(limit) }, { headers: { connection: 'close' } });
}
