import type { Middleware } from 'koa';
import { RouterError } from '../errors.ts';
import { sendJson } from '../pipeline/respond.ts';
import type { State } from '../pipeline/state.ts';
import { checkAccess } from './access.ts';
import type { AdminDeps, AdminListenerDeps, AdminRequest } from './admin-deps.ts';
import { showBackends } from './backends.ts';
import { showConfig } from './effective-config.ts';
import { reload } from './reload.ts';
import { getRoute, postRoute } from './route-endpoint.ts';
import { showRoutes } from './routes.ts';
import { getEvents, getPage } from './status-endpoints.ts';

type Handler = (request: AdminRequest, deps: AdminListenerDeps) => void | Promise<void>;
type Methods = { readonly GET?: Handler; readonly POST?: Handler };

/** By path, exactly: nothing below `/admin/` is served by accident. */
const ENDPOINTS: ReadonlyMap<string, Methods> = new Map<string, Methods>([
  ['/', { GET: getPage }],
  ['/admin/events', { GET: getEvents }],
  ['/admin/config', { GET: getConfig }],
  ['/admin/config/diagnostics', { GET: getDiagnostics }],
  ['/admin/reload', { POST: reload }],
  ['/admin/backends', { GET: getBackends }],
  ['/admin/routes', { GET: getRoutes }],
  ['/admin/route', { GET: getRoute, POST: postRoute }],
]);

/** The admin endpoints of a listener that serves them; everything else goes on. */
export function adminEndpoints(deps: AdminListenerDeps): Middleware<State> {
  return function admin({ req, res, state }, next) {
    const { snapshot } = state;
    const [path = '', query = ''] = req.url!.split('?', 2);
    const methods = ENDPOINTS.get(path);
    const listener = deps.listener(snapshot);
    if (methods === undefined || !listener.serve.includes('admin')) return next();
    const key = checkAccess(req, listener, deps.authenticate);
    const method = req.method === 'HEAD' ? 'GET' : req.method!;
    const handler = methods[method as keyof Methods];
    if (handler === undefined) {
      const allow = Object.keys(methods).join(', ');
      throw new RouterError('method_not_allowed', { method, allow }, { headers: { allow } });
    }
    res.setHeader('cache-control', 'no-store');
    res.setHeader('x-content-type-options', 'nosniff');
    return handler({ req, res, query: new URLSearchParams(query), key, snapshot, listener }, deps);
  };
}

/** The effective config; `?format=yaml` as a file, with origins as comments. */
function getConfig({ res, query, snapshot }: AdminRequest, { control, stats }: AdminDeps): void {
  const { config, origins, yaml } = showConfig(control.loaded()!);
  if (query.get('format') === 'yaml') {
    const text = yaml();
    res.writeHead(200, { 'content-type': 'application/yaml', 'content-length': Buffer.byteLength(text) });
    res.end(text);
    return;
  }
  const appliedAt = stats.config && new Date(stats.config.at).toISOString();
  const { hash, generation } = snapshot;
  sendJson(res, 200, { hash, generation, appliedAt, source: control.source, config, origins });
}

function getDiagnostics({ res, snapshot }: AdminRequest, { control }: AdminDeps): void {
  const last = control.last();
  const shown = last && { ...last, at: new Date(last.at).toISOString() };
  sendJson(res, 200, { running: { hash: snapshot.hash, generation: snapshot.generation }, last: shown ?? null });
}

async function getBackends({ res }: AdminRequest, deps: AdminDeps): Promise<void> {
  sendJson(res, 200, { backends: await showBackends(deps) });
}

async function getRoutes({ res }: AdminRequest, deps: AdminDeps): Promise<void> {
  sendJson(res, 200, { routes: await showRoutes(deps) });
}
