import type { RequestListener } from 'node:http';
import type Koa from 'koa';
import { RouterError } from '../errors.ts';
import { pathOf } from '../proxy/client/plain-connection.ts';
import type { JsonMembers } from '../proxy/json-scan.ts';
import { requestHeaderLines } from '../proxy/request-headers.ts';
import { authenticate } from './authenticate.ts';
import { ENDPOINTS } from './endpoints.ts';
import { forward } from './forward.ts';
import { guard, notFound } from './guard.ts';
import { KoaApp } from './koa-app.ts';
import { match } from './match.ts';
import { observe } from './observe.ts';
import { readBody } from './read-body.ts';
import { readMembers } from './read-members.ts';
import { RoutedRequest } from './routed-request.ts';
import type { PipelineDeps, State } from './state.ts';

/**
 * One listener's pipeline: guard → enter → observe → authenticate → body → match → forward, for the paths that are forwarded; the
 * router's own endpoints for everything else.
 */
export function createApp(deps: PipelineDeps, own: Koa.Middleware<State>): RequestListener {
  const app = new KoaApp();
  app.use(guard(deps));
  app.use(enter(deps, own));
  app.use(observe(deps));
  app.use(authenticate(deps));
  app.use(body(deps));
  app.use(matchModel(deps));
  app.use(forwardRequest(deps));
  return app.callback();
}

/** Forwarded paths go on; all others are the router's own or nobody's. */
function enter(deps: PipelineDeps, own: Koa.Middleware<State>): Koa.Middleware<State> {
  return function enterPipeline(ctx, next) {
    const { req, res } = ctx;
    const snapshot = deps.snapshot();
    ctx.state.snapshot = snapshot;
    const url = req.url!;
    const path = pathOf(url);
    const endpoint = ENDPOINTS.get(path);
    const listener = deps.listener(snapshot);
    if (endpoint === undefined || !listener.serve.includes('openai')) {
      const serves = (other: string) =>
        listener.serve.includes('openai') && (ENDPOINTS.has(other) || other === '/v1/models');
      return own(ctx, () => Promise.reject(notFound(ctx.method, ctx.path, serves)));
    }
    if (req.method !== 'POST') {
      throw new RouterError(
        'method_not_allowed',
        { method: req.method!, allow: 'POST' },
        { headers: { allow: 'POST' } },
      );
    }
    ctx.state.routed = new RoutedRequest({
      request: req,
      response: res,
      endpoint,
      query: url.slice(path.length),
      id: ctx.state.id,
      snapshot,
      listener,
      startedAt: deps.now(),
    });
    return next();
  };
}

function body(deps: PipelineDeps): Koa.Middleware<State> {
  return async function readRequestBody(ctx, next) {
    const routed = ctx.state.routed!;
    if (deps.full(ctx.req.socket)) throw new RouterError('overloaded');
    checkEncoding(routed);
    routed.received = await readBody(ctx.req, ctx.res, routed.listener.maxBodySize);
    routed.body = routed.received.body;
    try {
      // It takes turns of the loop to join a long body and to read it: who has left meanwhile has been counted, and is not waited for.
      if (!routed.over) await next();
    } finally {
      routed.dropBody();
    }
  };
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;
const FORM_TYPE = /^multipart\/form-data\s*;/i;

/** Nothing is decompressed: no bombs, and the engines take none either. */
function checkEncoding(routed: RoutedRequest): void {
  const encoding = routed.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw unsupported('Request bodies must not be compressed.');
  }
  const type = routed.headers['content-type'];
  if (routed.endpoint.body === 'json' && type !== undefined && !JSON_TYPE.test(type)) {
    throw unsupported("The Content-Type must be 'application/json'.");
  }
  if (routed.endpoint.body === 'form' && !FORM_TYPE.test(type ?? '')) {
    throw unsupported("The Content-Type must be 'multipart/form-data'.");
  }
}

function unsupported(detail: string): RouterError {
  return new RouterError('unsupported_media_type', { detail }, { headers: { connection: 'close' } });
}

function matchModel(deps: PipelineDeps): Koa.Middleware<State> {
  return function matchRequest(ctx, next) {
    const routed = ctx.state.routed!;
    const members = routed.endpoint.body === 'json' ? readMembers(routed.body) : undefined;
    if (!(members instanceof Promise)) return matchRead(routed, members, next);
    return members.then((read) => (routed.over ? undefined : matchRead(routed, read, next)));
  };

  function matchRead(routed: RoutedRequest, members: JsonMembers | undefined, next: Koa.Next): Promise<void> {
    routed.members = members;
    try {
      match(routed, deps.registry);
    } finally {
      // Scalers watch this counter to wake a model up, so requests for one that is missing count too.
      if (routed.model !== '') deps.telemetry.arrived(routed);
    }
    return next();
  }
}

function forwardRequest(deps: PipelineDeps): Koa.Middleware<State> {
  return function forwardRouted(ctx) {
    const routed = ctx.state.routed!;
    const { socket } = ctx.req;
    const headerLines = requestHeaderLines(ctx.req, {
      requestId: routed.id,
      clientAddress: socket.remoteAddress ?? 'unknown',
      clientProtocol: 'encrypted' in socket ? 'https' : 'http',
      dropCredentials: routed.listener.auth !== undefined,
    });
    return forward(routed, routed.trace?.headerLines(headerLines) ?? headerLines, deps);
  };
}
