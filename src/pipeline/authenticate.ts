import type { IncomingHttpHeaders } from 'node:http';
import type { Middleware } from 'koa';
import { RouterError } from '../errors.ts';
import type { PipelineDeps, State } from './state.ts';

/** Asks for a key where the listener wants one, before a byte of the body is read. */
export function authenticate(deps: Pick<PipelineDeps, 'listener' | 'authenticate'>): Middleware<State> {
  return function authenticateRequest(ctx, next) {
    const listener = deps.listener(ctx.state.snapshot);
    if (listener.auth === undefined) return next();
    const presented = presentedKey(ctx.req.headers);
    const holder = presented === undefined ? undefined : deps.authenticate(listener, presented);
    if (holder === undefined) {
      throw new RouterError('unauthorized', {}, { headers: { 'www-authenticate': 'Bearer', connection: 'close' } });
    }
    if (ctx.state.routed !== undefined) ctx.state.routed.keyName = holder.name;
    return next();
  };
}

/** OpenAI's clients send a bearer token, Anthropic's `x-api-key`. */
export function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^Bearer +(.+)$/i.exec(headers.authorization ?? '')?.[1];
  return bearer ?? (headers['x-api-key'] as string | undefined);
}
