import { control } from './control.ts';
import type { Engine } from './engine.ts';
import type { Exchange } from './exchange.ts';
import type { RequestFault } from './faults.ts';
import { malformed } from './malformed.ts';
import { Refusal, Unreadable } from './request.ts';
import { type Route, routeFor } from './routes.ts';

const GUARDED = /^\/(v1|v2|inference|cohere)\//;
const ANY_JSON = '{"id":"chatcmpl-malformed","object":"chat.completion","choices":[]}';

/** Leads a request through key check, routing, faults and its handler. */
export function dispatch(engine: Engine, exchange: Exchange, keepBody: (body: Buffer) => void): void {
  const { req, path } = exchange;
  const route = routeFor(engine.routes, path);
  const early = engine.faults.take(path, route?.inference === true);
  if (early && strike(exchange, early)) return;
  if (refused(engine, exchange, route)) return;
  if (req.headers['content-length'] === undefined && req.headers['transfer-encoding'] === undefined) {
    handle(engine, exchange, route);
    return;
  }
  const parts: Buffer[] = [];
  req.on('data', (part: Buffer) => parts.push(part));
  req.on('end', () => {
    exchange.body = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    keepBody(exchange.body);
    if (!exchange.closed) handle(engine, exchange, route);
  });
}

/** Answers that need no body. */
function refused(engine: Engine, exchange: Exchange, route: Route | undefined): boolean {
  const { req, path } = exchange;
  const { apiKey } = engine.settings;
  if (req.method === 'OPTIONS' && req.headers.origin !== undefined && req.headers['access-control-request-method']) {
    preflight(exchange);
    return true;
  }
  if (apiKey !== undefined && GUARDED.test(path) && req.headers.authorization !== `Bearer ${apiKey}`) {
    exchange.json(401, { error: 'Unauthorized' }, { noVary: true });
    return true;
  }
  if (path.startsWith('/simulator/')) return false;
  if (!route) {
    exchange.json(404, { detail: 'Not Found' });
    return true;
  }
  if (req.method !== route.method && !(req.method === 'HEAD' && path === '/metrics')) {
    exchange.json(405, { detail: 'Method Not Allowed' }, { allow: route.method });
    return true;
  }
  return false;
}

function preflight(exchange: Exchange): void {
  exchange.send(400, 'Disallowed CORS origin', {
    type: 'text/plain; charset=utf-8',
    noVary: true,
    leading: [
      'vary',
      'Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network',
      'access-control-allow-methods',
      'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, QUERY',
      'access-control-max-age',
      '600',
    ],
  });
}

function handle(engine: Engine, exchange: Exchange, route: Route | undefined): void {
  const { path } = exchange;
  if (path.startsWith('/simulator/')) {
    control(engine, exchange);
    return;
  }
  const fault = engine.faults.take(path, route!.inference, exchange.body);
  if (fault && strike(exchange, fault)) return;
  if (route!.inference && engine.draining) {
    exchange.error(500, 'cannot schedule new futures after shutdown', 'InternalServerError', null, { bare: true });
    return;
  }
  exchange.fault = fault;
  if (fault?.kind === 'slow' && fault.at === 'request') setTimeout(() => run(exchange, route!), fault.ms);
  else run(exchange, route!);
}

function run(exchange: Exchange, route: Route): void {
  if (exchange.closed) return;
  try {
    route.handler(exchange);
  } catch (error) {
    if (error instanceof Unreadable) exchange.json(400, { detail: 'There was an error parsing the body' });
    else if (!(error instanceof Refusal)) throw error;
    else if (exchange.path.startsWith('/v1/messages') && !error.validation) {
      exchange.json(error.status, { type: 'error', error: { type: error.type, message: error.message } });
    } else exchange.error(error.status, error.message, error.type, error.param);
  }
}

/** Faults that take the whole answer. False: the handler goes on, and the fault waits in its answer. */
function strike(exchange: Exchange, fault: RequestFault): boolean {
  switch (fault.kind) {
    case 'cut':
      if (fault.at !== 'request') return false;
      exchange.cut(fault.how);
      return true;
    case 'silence':
      if (fault.at !== 'request') return false;
      exchange.silence();
      return true;
    case 'crash':
      if (fault.at !== 'request') return false;
      exchange.coreDied();
      return true;
    case 'status':
      exchange.send(fault.status, fault.body ?? statusBody(fault.status), {
        type: fault.contentType ?? 'application/json',
        ...(fault.retryAfter !== undefined && { extra: ['retry-after', fault.retryAfter] }),
      });
      return true;
    case 'malformed':
      return malformed(exchange, fault.how, Buffer.from(ANY_JSON));
    case 'poison':
      // The one that kills goes down with all the others.
      exchange.onCrash = () => exchange.coreDied();
      exchange.host.killCore();
      return true;
    case 'error-event':
      if (exchange.record.stream || /"stream":\s*true/.test(exchange.body.toString('latin1'))) return false;
      exchange.error(
        fault.status,
        'The engine refuses this request.',
        fault.status === 503 ? 'Service Unavailable' : 'InternalServerError',
      );
      return true;
    default:
      return false;
  }
}

function statusBody(status: number): string {
  const type = status >= 500 ? 'InternalServerError' : 'BadRequestError';
  return JSON.stringify({ error: { message: `Simulated status ${status}.`, type, param: null, code: status } });
}
