import type { Middleware } from 'koa';
import type { Backend } from '../backends/backend.ts';
import { askEngine } from '../backends/engine-control.ts';
import type { BackendRegistry } from '../backends/registry.ts';
import type { ListenerConfig, Secret } from '../config/config.ts';
import type { Source } from '../discovery/source.ts';
import { RouterError } from '../errors.ts';
import type { Log } from '../log.ts';
import { keyHolder } from '../pipeline/authenticate.ts';
import { sendJson } from '../pipeline/respond.ts';
import type { Snapshot } from '../pipeline/snapshot.ts';
import type { PipelineDeps, State } from '../pipeline/state.ts';
import { checkSite } from './access.ts';

/** Weights of 140 GB go to host memory at some GB a second. ms. */
const TIMEOUT = 5 * 60_000;
const ASK_TIMEOUT = 10_000;

const METHODS: Readonly<Record<string, 'GET' | 'POST'>> = {
  '/sleep': 'POST',
  '/wake_up': 'POST',
  '/is_sleeping': 'GET',
};

export interface EngineSleepDeps {
  readonly registry: BackendRegistry;
  readonly source: (name: string) => Source | undefined;
  readonly resolveSecret: (secret: Secret) => string | undefined;
  readonly authenticate: PipelineDeps['authenticate'];
  readonly listener: (snapshot: Snapshot) => ListenerConfig;
  /** Monotonic ms. */
  readonly now: () => number;
  readonly log: Log;
}

/**
 * The original router's `/sleep`, `/wake_up` and `/is_sleeping` of one engine, named by `?id=`; other parameters are the engine's. The
 * first two change engines, so a listener has them only when its config says so.
 */
export function engineSleep(deps: EngineSleepDeps): Middleware<State> {
  return async function sleep({ req, res, state }, next) {
    const [path = '', query = ''] = req.url!.split('?', 2);
    const method = Object.hasOwn(METHODS, path) ? METHODS[path] : undefined;
    const listener = deps.listener(state.snapshot);
    const { serve } = listener;
    if (method === undefined || !(serve.includes('openai') || serve.includes('sleep'))) return next();
    const key = keyHolder(req, listener, deps.authenticate);
    if (req.method !== method) {
      throw new RouterError(
        'method_not_allowed',
        { method: req.method!, allow: method },
        { headers: { allow: method } },
      );
    }
    if (method === 'POST') {
      if (!serve.includes('sleep')) throw new RouterError('sleep_not_allowed', { method, path });
      checkSite(req);
    }
    const { backend, params } = target(query, deps.registry);
    const asked = `${path}${params === '' ? '' : `?${params}`}`;
    res.setHeader('x-request-id', state.id);
    if (method === 'GET') {
      const { body } = await ask(backend, method, asked, ASK_TIMEOUT, deps);
      const said = parse(body);
      if (said === undefined) throw new RouterError('bad_upstream_response');
      sendJson(res, 200, said);
      return;
    }
    const status = await change(backend, path === '/sleep', asked, deps);
    deps.log.info({ backend: backend.spec.name, path: asked, ...(key && { key: key.name }) }, 'engine told over HTTP');
    sendJson(res, status, { status: 'success' });
  };
}

function target(query: string, registry: BackendRegistry): { backend: Backend; params: string } {
  const params = new URLSearchParams(query);
  const id = params.get('id') ?? '';
  if (id === '') throw new RouterError('missing_engine_id');
  const backend = registry.byEngineId(id);
  if (backend === undefined) throw new RouterError('engine_not_found', { id: id.slice(0, 100) });
  params.delete('id');
  return { backend, params: params.toString() };
}

/**
 * Nothing is sent to an engine from the moment on that it is to sleep: a sleeping one answers the head of a stream and then nothing.
 * Whether it sleeps in the end is its own word, since a wake-up can be a partial one.
 */
async function change(backend: Backend, sleeping: boolean, path: string, deps: EngineSleepDeps): Promise<number> {
  const before = backend.asleep;
  backend.toldAt = deps.now();
  if (sleeping) backend.asleep = true;
  let answer: { status: number };
  try {
    answer = await ask(backend, 'POST', path, TIMEOUT, deps);
  } catch (error) {
    backend.asleep = (await saysAsleep(backend, deps)) ?? before;
    throw error;
  }
  const asleep = (await saysAsleep(backend, deps)) ?? sleeping;
  backend.toldAt = deps.now();
  backend.asleep = asleep;
  void deps.source(backend.spec.source)?.setSleeping?.(backend.id, asleep);
  return answer.status;
}

async function saysAsleep(backend: Backend, deps: EngineSleepDeps): Promise<boolean | undefined> {
  try {
    const { body } = await ask(backend, 'GET', '/is_sleeping', ASK_TIMEOUT, deps);
    const said = parse(body)?.['is_sleeping'];
    return typeof said === 'boolean' ? said : undefined;
  } catch {
    return undefined;
  }
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function ask(backend: Backend, method: 'GET' | 'POST', path: string, timeout: number, deps: EngineSleepDeps) {
  const { apiKey } = backend.spec;
  const key = apiKey && deps.resolveSecret(apiKey);
  const authorization = key === undefined ? undefined : `Bearer ${key}`;
  let answer: { status: number; body: string };
  try {
    answer = await askEngine(backend.url, { method, path, authorization, timeout });
  } catch (error) {
    const timedOut = (error as Error).name === 'TimeoutError';
    throw new RouterError(timedOut ? 'upstream_timeout' : 'backend_unavailable', {}, { cause: error });
  }
  if (answer.status >= 200 && answer.status < 300) return answer;
  const [at = ''] = path.split('?', 1);
  throw new RouterError('engine_refused', { status: answer.status, method, path: at });
}
