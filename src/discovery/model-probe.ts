import got, { RequestError, TimeoutError } from 'got';
import { freshAgent } from '../fresh-agent.ts';
import type { ModelCard } from './source.ts';

/** A list of a thousand LoRA adapters is some 500 KB; more than this is not a model list. Bytes. */
const MAX_ANSWER = 8 * 1024 * 1024;

export interface ProbeOptions {
  /** Value of the `authorization` header. */
  readonly authorization?: string | undefined;
  /** ms for the whole exchange. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks `{url}/v1/models` once. Rejects with an Error whose message says in one line what was wrong: not reachable, not 200,
 * not a model list. Redirects are not followed: the key belongs to this backend alone.
 */
export async function probeModels(url: string, options: ProbeOptions): Promise<ModelCard[]> {
  const tooLarge = new AbortController();
  const signals = options.signal ? [options.signal, tooLarge.signal] : [tooLarge.signal];
  const request = got(`${url}/v1/models`, {
    agent: freshAgent,
    signal: AbortSignal.any(signals),
    timeout: { request: options.timeout },
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    headers: {
      accept: 'application/json',
      'user-agent': 'vllm-router',
      ...(options.authorization !== undefined && { authorization: options.authorization }),
    },
  });
  request.on('downloadProgress', ({ transferred }) => {
    if (transferred > MAX_ANSWER) tooLarge.abort();
  });
  let answer: { statusCode: number; body: string };
  try {
    answer = await request;
  } catch (error) {
    options.signal?.throwIfAborted();
    const what = tooLarge.signal.aborted ? `sent more than ${MAX_ANSWER} bytes` : describe(error, options.timeout);
    throw new Error(`GET ${url}/v1/models ${what}`, { cause: error });
  }
  if (answer.statusCode !== 200) throw new Error(`GET ${url}/v1/models answered ${answer.statusCode}`);
  try {
    return parseModelList(answer.body);
  } catch (error) {
    throw new Error(`GET ${url}/v1/models did not answer a model list: ${(error as Error).message}`, { cause: error });
  }
}

function describe(error: unknown, timeout: number): string {
  if (error instanceof TimeoutError) return `did not answer within ${timeout} ms`;
  if (error instanceof RequestError && error.code !== 'ERR_GOT_REQUEST_ERROR') return `failed: ${error.code}`;
  return `failed: ${(error as Error).message}`;
}

/** `{"data": [{"id": …}, …]}` → cards, the first of each id; throws on anything else. */
export function parseModelList(text: string): ModelCard[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new Error('not JSON');
  }
  const data = isObject(list) ? list['data'] : undefined;
  if (!Array.isArray(data)) throw new Error('"data" is not an array');
  const cards = new Map<string, ModelCard>();
  data.forEach((entry: unknown, i) => {
    if (!isObject(entry)) throw new Error(`data[${i}] is not an object`);
    const { id, created, owned_by, root, parent } = entry;
    if (typeof id !== 'string' || id === '') throw new Error(`data[${i}].id is not a name`);
    if (created !== undefined && typeof created !== 'number') throw new Error(`data[${i}].created is not a number`);
    if (owned_by !== undefined && typeof owned_by !== 'string') throw new Error(`data[${i}].owned_by is not a string`);
    for (const [key, value] of Object.entries({ root, parent })) {
      if (value !== undefined && value !== null && typeof value !== 'string') {
        throw new Error(`data[${i}].${key} is neither a string nor null`);
      }
    }
    if (!cards.has(id)) cards.set(id, entry as ModelCard);
  });
  return [...cards.values()];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether two answers say the same: vLLM makes `created` and `permission` anew for every answer. */
export function sameCards(a: readonly ModelCard[], b: readonly ModelCard[]): boolean {
  return fingerprint(a) === fingerprint(b);
}

function fingerprint(cards: readonly ModelCard[]): string {
  return JSON.stringify(cards.map((card) => ({ ...card, created: 0, permission: 0 })));
}
