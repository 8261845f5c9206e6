import Router from '@koa/router';
import type { Middleware, ParameterizedContext } from 'koa';
import type { BackendRegistry } from '../backends/registry.ts';
import type { ListenerConfig, Service } from '../config/config.ts';
import { RouterError } from '../errors.ts';
import { keyHolder } from '../pipeline/authenticate.ts';
import type { NameMatcher } from '../pipeline/glob.ts';
import { checkAllowed } from '../pipeline/match.ts';
import { sendJson } from '../pipeline/respond.ts';
import type { Snapshot } from '../pipeline/snapshot.ts';
import type { PipelineDeps, State } from '../pipeline/state.ts';
import { listModels } from './models.ts';

/** What the router's own endpoints tell of the process. */
export interface OwnEndpointDeps {
  readonly registry: BackendRegistry;
  readonly version: string;
  /** Wall-clock seconds at which a backend was first seen, for /engines. */
  readonly backendCreated: (id: string) => number;
  /** Why requests should not come here now; undefined when ready. */
  readonly notReady: () => string | undefined;
  readonly metrics: () => Promise<{ contentType: string; text: string }>;
  readonly listener: (snapshot: Snapshot) => ListenerConfig;
  readonly authenticate: PipelineDeps['authenticate'];
}

type Handler = (ctx: ParameterizedContext<State>, mayUse: NameMatcher | undefined) => void | Promise<void>;

/** What the router answers itself. A listener that does not serve a group has none of its paths. */
export function ownEndpoints(deps: OwnEndpointDeps): Middleware<State> {
  // Exactly these paths: `/V1/models` and `/v1/models/` are nobody's.
  const router = new Router<State>({ sensitive: true, strict: true });
  const paths = new Map<string, Service>();
  const get = (service: Service, path: string, handler: Handler) => {
    paths.set(path, service);
    router.get(path, (ctx, next) => {
      const listener = deps.listener(ctx.state.snapshot);
      if (!listener.serve.includes(service)) return next();
      // Probes and scrapers have no key, as with vLLM itself; what models there are is for those who may use them.
      const holder = service === 'openai' ? keyHolder(ctx.req, listener, deps.authenticate) : undefined;
      return handler(ctx as never, holder?.mayUse);
    });
  };

  get('openai', '/v1/models', (ctx, mayUse) => {
    sendJson(ctx.res, 200, { object: 'list', data: listModels(deps.registry.backends, mayUse) });
  });
  // vLLM answers 404 here and the SDKs' models.retrieve fails; names hold slashes.
  get('openai', '/v1/models/{*id}', (ctx, mayUse) => {
    const id = decoded(ctx.path.slice('/v1/models/'.length));
    const alias = ctx.state.snapshot.aliases.get(id);
    checkAllowed(mayUse, id, alias);
    const target = alias ?? id;
    const card = listModels(deps.registry.backends).find((model) => model.id === target);
    if (card === undefined) throw new RouterError('model_not_found', { model: id.slice(0, 200) });
    sendJson(ctx.res, 200, card);
  });
  get('openai', '/engines', (ctx, mayUse = () => true) => {
    sendJson(
      ctx.res,
      200,
      deps.registry.backends.map((backend) => ({
        engine_id: backend.spec.engineId,
        serving_models: backend.spec.models.map((card) => card.id).filter(mayUse),
        created: deps.backendCreated(backend.id),
      })),
    );
  });
  // Open where health is.
  for (const service of ['health', 'openai'] as const) {
    get(service, '/version', (ctx) => sendJson(ctx.res, 200, { version: deps.version }));
  }
  get('health', '/health', (ctx) => sendJson(ctx.res, 200, { status: 'healthy' }));
  get('health', '/ready', (ctx) => {
    const reason = deps.notReady();
    if (reason !== undefined) throw new RouterError('not_ready', { detail: reason });
    sendJson(ctx.res, 200, { status: 'ready' });
  });
  // The path is configurable and hot, so it is compared at each request.
  router.get('{*any}', async (ctx, next) => {
    const { config } = ctx.state.snapshot;
    if (ctx.path !== config.stats.prometheus.path) return next();
    if (!deps.listener(ctx.state.snapshot).serve.includes('metrics')) return next();
    const { contentType, text } = await deps.metrics();
    ctx.res.writeHead(200, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
    ctx.res.end(text);
  });

  const routes = router.routes() as unknown as Middleware<State>;
  return (ctx, next) => {
    const { snapshot } = ctx.state;
    const isMetrics = ctx.path === snapshot.config.stats.prometheus.path;
    const service = isMetrics ? 'metrics' : paths.get(ctx.path);
    const served = service !== undefined && deps.listener(snapshot).serve.includes(service);
    if (served && ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      const allow = 'GET, HEAD';
      throw new RouterError('method_not_allowed', { method: ctx.method, allow }, { headers: { allow } });
    }
    return routes(ctx, next);
  };
}

/** As it stands where it is not validly encoded: no model has such a name. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
