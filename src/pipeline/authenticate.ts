import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import type { ListenerConfig } from '../config/config.ts';
import { RouterError } from '../errors.ts';
import type { ApiKeyHolder, PipelineDeps, State } from './state.ts';

/** Asks for a key where the listener wants one, before a byte of the body is read. */
export function authenticate(deps: Pick<PipelineDeps, 'listener' | 'authenticate'>): Middleware<State> {
  return function authenticateRequest(ctx, next) {
    const holder = keyHolder(ctx.req, deps.listener(ctx.state.snapshot), deps.authenticate);
    if (holder !== undefined) {
      ctx.state.routed!.keyName = holder.name;
      ctx.state.routed!.mayUse = holder.mayUse;
    }
    return next();
  };
}

/** Whose key the request came with; undefined where the listener asks for none. Throws where it asks and there is none. */
export function keyHolder(
  request: IncomingMessage,
  listener: ListenerConfig,
  authenticate: PipelineDeps['authenticate'],
): ApiKeyHolder | undefined {
  if (listener.auth === undefined) return undefined;
  const presented = presentedKey(request.headers);
  const holder = presented === undefined ? undefined : authenticate(listener, presented);
  if (holder !== undefined) return holder;
  throw new RouterError('unauthorized', {}, { headers: { 'www-authenticate': 'Bearer' } });
}

/** OpenAI's clients send a bearer token, Anthropic's `x-api-key`. */
export function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^Bearer +(.+)$/i.exec(headers.authorization ?? '')?.[1];
  return bearer ?? (headers['x-api-key'] as string | undefined);
}
