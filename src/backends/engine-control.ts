import got from 'got';
import { freshAgent } from '../fresh-agent.ts';

/** An engine says `{"is_sleeping": true}`; more than this is something else. Bytes. */
const MAX_ANSWER = 64 * 1024;

export interface EngineRequest {
  readonly method: 'GET' | 'POST';
  /** Below the backend's own path prefix, with query. */
  readonly path: string;
  /** Value of the `authorization` header, where the backend has a key of its own. */
  readonly authorization: string | undefined;
  /** ms for the whole exchange. */
  readonly timeout: number;
}

/** Asks an engine for something other than inference. Rejects when it cannot be reached, or says nothing in time. */
export async function askEngine(url: string, request: EngineRequest): Promise<{ status: number; body: string }> {
  const { method, path, authorization, timeout } = request;
  const tooLarge = new AbortController();
  const exchange = got(`${url}${path}`, {
    method,
    agent: freshAgent,
    signal: tooLarge.signal,
    timeout: { request: timeout },
    retry: { limit: 0 },
    // The key belongs to this backend alone.
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    headers: { accept: 'application/json', 'user-agent': 'vllm-router', ...(authorization && { authorization }) },
  });
  exchange.on('downloadProgress', ({ transferred }) => {
    if (transferred > MAX_ANSWER) tooLarge.abort();
  });
  const { statusCode, body } = await exchange;
  return { status: statusCode, body };
}
