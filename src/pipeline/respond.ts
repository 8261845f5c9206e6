import { RouterError } from '../errors.ts';
import type { ClientResponse } from '../proxy/client/client-exchange.ts';

/**
 * Answers with an error from the table, in OpenAI's shape. Where an answer has begun nothing can be said any more: the socket is
 * cut, so that the client does not take half an answer for a whole one.
 */
export function sendError(response: ClientResponse, error: RouterError, requestId: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = error.body();
  response.writeHead(error.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-request-id': requestId,
    'request-id': requestId,
    ...error.headers,
  });
  response.end(body);
}

/** JSON that the router itself answers. */
export function sendJson(response: ClientResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** What was thrown, as an error that a client may see. */
export function asRouterError(thrown: unknown): RouterError {
  return thrown instanceof RouterError ? thrown : new RouterError('internal_error', {}, { cause: thrown });
}
