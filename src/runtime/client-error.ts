import type { Socket } from 'node:net';
import { type ErrorCode, RouterError } from '../errors.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/**
 * What Node's parser refuses (both framings, a bare line feed, an overlong head, a slow sender) is answered in our error shape; Node
 * itself would send a status line without a body. The connection always ends: where the next request begins is unknown.
 */
export function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const code = CODES[error.code ?? ''] ?? 'bad_request';
  const answer = new RouterError(code, { detail: 'the request is not valid HTTP/1.1', limit: '16KiB' });
  const body = answer.body();
  const reason =
    answer.status === 408
      ? 'Request Timeout'
      : answer.status === 431
        ? 'Request Header Fields Too Large'
        : 'Bad Request';
  socket.end(
    `HTTP/1.1 ${answer.status} ${reason}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
