import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, RouterError } from '../errors.ts';
import { linger } from '../pipeline/linger.ts';
import { REFUSED } from '../pipeline/observe.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'request_timeout',
};
/** Of OpenSSL, or of Node in its place: there are no keys that an answer could be sent with. */
const NO_TLS = /^ERR_(SSL|TLS)_/;

/** Hears of each request that was answered before it was one; `status` and `code` are the client's. `inLog`: it has its line already. */
export type OnRefused = (error: RouterError, inLog?: boolean) => void;

/**
 * What Node's parser refuses (both framings, a bare line feed, an overlong head, a slow sender) is answered in our error shape; Node
 * itself would send a status line without a body. The connection always ends: where the next request begins is unknown.
 */
export function onClientError(error: NodeJS.ErrnoException, socket: Socket, refused: OnRefused): void {
  const response = responseOf(socket);
  const begun = response?.headersSent;
  const code = CODES[error.code ?? ''] ?? 'bad_request';
  if (response === undefined && NO_TLS.test(error.code ?? '')) {
    socket.destroy();
    refused(new RouterError(code, { detail: 'no TLS' }));
    return;
  }
  if (begun && response!.writableEnded) {
    // It has yet to leave; the bytes behind its request get none of their own.
    socket.destroySoon();
    return;
  }
  if (!socket.writable || error.code === 'ECONNRESET' || begun) {
    socket.destroy();
    return;
  }
  const answer = new RouterError(code, { detail: 'the request is not valid HTTP/1.1', limit: '16KiB' });
  // The connection may not be ours to close at once: what is still on its way would turn the answer into a reset.
  linger(socket);
  socket.end(rawAnswer(answer));
  socket.destroySoon();
  // A request is on its way, as a rule the one whose body went wrong: whoever writes its line is to know what its client got.
  refused(answer, response?.emit(REFUSED, answer));
}

/**
 * Node has let go of a connection with a CONNECT: nothing reads from it, and no time limit ends it. Behind a request without its answer the
 * connection is cut, since this one would come first and be taken for that.
 */
export function refuseConnect(socket: Socket, refused: OnRefused): void {
  const allow = 'GET, HEAD, POST';
  const error = new RouterError('method_not_allowed', { method: 'CONNECT', allow }, { headers: { allow } });
  if (responseOf(socket) !== undefined) socket.destroy();
  else {
    linger(socket);
    socket.resume();
    socket.end(rawAnswer(error));
    socket.destroySoon();
  }
  refused(error);
}

/** The response that this connection is at: once it has begun, an answer written now would become a part of it. */
export function responseOf(socket: Socket): ServerResponse | undefined {
  // Node's own handler looks at the same property; there is no public one.
  const { _httpMessage: response } = socket as Socket & { _httpMessage?: ServerResponse | null };
  return response ?? undefined;
}

/** An answer in bytes, for where no response object exists. It ends the connection. */
export function rawAnswer(error: RouterError): string {
  const body = error.body();
  let head = `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\ncontent-type: application/json\r\n`;
  for (const [name, value] of Object.entries(error.headers)) if (name !== 'connection') head += `${name}: ${value}\r\n`;
  return `${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
}
