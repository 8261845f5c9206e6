import { speech, transcribe, voices } from './audio.ts';
import { chatCompletions } from './chat.ts';
import { completions } from './completions.ts';
import type { Exchange } from './exchange.ts';
import { editImages, generateImages } from './images.ts';
import { loadLora, unloadLora } from './lora.ts';
import { countTokens, messages } from './messages.ts';
import * as operations from './operations.ts';
import type { EngineSettings } from './options.ts';
import { classify, embeddings, pooling, rerank, score } from './pooling.ts';
import { responses, storedResponse } from './responses.ts';
import { detokenize, tokenize } from './tokenize.ts';

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
  infer('/tokenize', tokenize);
  infer('/detokenize', detokenize);
  const { kind } = settings;
  if (kind === 'generate' || kind === 'omni') {
    infer('/v1/chat/completions /v1/chat/completions/batch /invocations', chatCompletions);
    infer('/v1/completions', completions);
    infer('/v1/responses', responses);
    infer('/v1/messages', messages);
    infer('/v1/messages/count_tokens', countTokens);
    post('/v1/load_lora_adapter', loadLora);
    post('/v1/unload_lora_adapter', unloadLora);
  }
  if (kind === 'pooling') {
    infer('/v1/embeddings', embeddings);
    infer('/score /v1/score', score);
    infer('/rerank /v1/rerank /v2/rerank', rerank);
  }
  if (kind === 'pooling' || kind === 'classify') infer('/pooling', pooling);
  if (kind === 'classify') infer('/classify', classify);
  if (kind === 'transcription') infer('/v1/audio/transcriptions /v1/audio/translations', transcribe);
  if (kind === 'omni') {
    infer('/v1/audio/speech', speech);
    get('/v1/audio/voices', voices);
    infer('/v1/images/generations', generateImages);
    infer('/v1/images/edits', editImages);
  }
  return routes;
}

/** The route of a path; stored responses carry their id in it. */
export function routeFor(routes: ReadonlyMap<string, Route>, path: string): Route | undefined {
  const exact = routes.get(path);
  if (exact || !routes.has('/v1/responses')) return exact;
  if (/^\/v1\/responses\/[^/]+$/.test(path)) return { method: 'GET', handler: storedResponse, inference: false };
  if (/^\/v1\/responses\/[^/]+\/cancel$/.test(path))
    return { method: 'POST', handler: storedResponse, inference: false };
  return undefined;
}
