import { chatCompletions } from './chat.ts';
import type { Exchange } from './exchange.ts';
import * as operations from './operations.ts';
import type { EngineSettings } from './options.ts';

export type Handler = (exchange: Exchange) => void;

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly handler: Handler;
  /** Work for the model: faults reach it unless they name a path. */
  readonly inference: boolean;
}

/** Path → route, as the kind of model decides it. */
export function routesOf(settings: EngineSettings): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  const get = (path: string, handler: Handler) => routes.set(path, { method: 'GET', handler, inference: false });
  const post = (path: string, handler: Handler) => routes.set(path, { method: 'POST', handler, inference: false });
  const infer = (paths: string, handler: Handler) => {
    for (const path of paths.split(' ')) routes.set(path, { method: 'POST', handler, inference: true });
  };
  get('/health', operations.health);
  get('/ping', operations.health);
  get('/version', operations.version);
  get('/load', operations.serverLoad);
  get('/metrics', operations.metrics);
  get('/v1/models', operations.models);
  get('/is_paused', operations.isPaused);
  get('/kv_event_sources', operations.kvEventSources);
  post('/reset_prefix_cache', operations.resetPrefixCache);
  post('/abort_requests', operations.abortRequests);
  if (settings.sleepMode) {
    post('/sleep', operations.sleep);
    post('/wake_up', operations.wakeUp);
    get('/is_sleeping', operations.isSleeping);
    post('/pause', operations.pause);
    post('/resume', operations.resume);
  }
  if (settings.kind === 'generate' || settings.kind === 'omni') {
    infer('/v1/chat/completions /v1/chat/completions/batch /invocations', chatCompletions);
  }
  return routes;
}
