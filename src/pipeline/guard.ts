import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Middleware } from 'koa';
import { RouterError } from '../errors.ts';
import { linger } from './linger.ts';
import { requestId } from './request-id.ts';
import { asRouterError, sendError } from './respond.ts';
import type { RoutedRequest } from './routed-request.ts';
import type { PipelineDeps, State } from './state.ts';
import { checkProtocol } from './strict.ts';

/** First and last: gives the request its id, and turns whatever is thrown into an answer. */
export function guard(deps: PipelineDeps): Middleware<State> {
  return async function guardRequest(ctx, next) {
    ctx.respond = false;
    const { req, res } = ctx;
    const id = requestId(req.headers['x-request-id']);
    ctx.state.id = id;
    // A connection that will be closed says so, while the client can still choose another.
    if (deps.closing(req.socket)) res.setHeader('connection', 'close');
    let isHttp = false;
    try {
      checkProtocol(req);
      isHttp = true;
      await next();
    } catch (thrown) {
      const error = asRouterError(thrown);
      if (error.code === 'internal_error') deps.log.error({ err: thrown, request: id }, 'request failed in the router');
      if (hasUnreadBody(req)) leaveUnread(req, res);
      ctx.state.error = error.code;
      tell(ctx.state.routed, error);
      // Of a request whose body was no HTTP the client has been told already, and of one that it left it never will be.
      if (res.writableEnded || res.destroyed) return;
      sendError(res, error, id);
      deps.telemetry.rejected(error.code);
      if (!isHttp) deps.log.refused(error);
    }
  };
}

/** What its access line is to say. */
function tell(routed: RoutedRequest | undefined, { code }: RouterError): void {
  if (routed === undefined) return;
  if (routed.error === '') routed.error = code;
  // As where the parser of `node:http` notices it.
  if (code === 'request_timeout') routed.flag = 'DPE';
  // Where it is not for its backends that there is no room.
  if (code === 'overloaded' && routed.flag === '-') routed.flag = 'OM';
}

/** Nothing here has this path: exactly what is listed is served. `serves`: whether there is something at another one. */
export function notFound(method: string, path: string, serves: (path: string) => boolean): RouterError {
  // The base URL is what people get wrong: OpenAI's clients want one that ends in /v1, Anthropic's and the router's file one that does not.
  const meant = [path.replace(/^\/v1(?=\/v1\/)/, ''), `/v1${path}`].find(serves);
  const hint = meant === undefined ? '' : ` Did you mean ${meant}? Look at the base URL of the client.`;
  return new RouterError('not_found', { method, path: path.slice(0, 200), hint });
}

function hasUnreadBody({ complete, headers }: IncomingMessage): boolean {
  return !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0);
}

/** The rest of an unread body is not worth reading: the connection ends with the answer. */
function leaveUnread(request: IncomingMessage, response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
  linger(request.socket);
  request.resume();
}
