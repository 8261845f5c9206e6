import type { Exchange } from './exchange.ts';
import { type Prompt, promptOf } from './prompt.ts';
import { badRequest, checkLength, type Json, jsonBody, modelOf, promptsOf, saltOf } from './request.ts';
import { chatText, contentText } from './template.ts';
import { textKey } from './text.ts';
import { compute } from './work.ts';

const DIMENSIONS = 128;

/** `POST /v1/embeddings`: text, token ids, lists of them, or a conversation. */
export function embeddings(exchange: Exchange): void {
  embed(exchange, 'embd', 'embedding', 'embedding');
}

/** `POST /pooling`. */
export function pooling(exchange: Exchange): void {
  embed(exchange, 'pooling', 'pooling', 'data');
}

function embed(exchange: Exchange, id: string, object: string, field: string): void {
  const body = jsonBody(exchange, []);
  const model = modelOf(exchange, body);
  const salt = saltOf(body, model);
  const prompts = Array.isArray(body['messages'])
    ? [promptOf(Buffer.from(chatText(body['messages'])), salt)]
    : promptsOf(body['input'], salt);
  for (const prompt of prompts) checkLength(exchange.host, prompt);
  const dimensions = typeof body['dimensions'] === 'number' ? body['dimensions'] : DIMENSIONS;
  const base64 = body['encoding_format'] === 'base64';
  compute(exchange, prompts, 0, () => {
    exchange.json(200, {
      id: `${id}-${exchange.bodyId}`,
      object: 'list',
      created: Math.floor(Date.now() / 1000),
      model: model.name,
      data: prompts.map(({ key }, index) => {
        const vector = vectorOf(key, dimensions);
        const value = base64 ? Buffer.from(vector.buffer).toString('base64') : [...vector];
        return { index, object, [field]: value };
      }),
      usage: usageOf(prompts),
    });
  });
}

/** `POST /score`, `/v1/score`: one text against one or many, or pair by pair. */
export function score(exchange: Exchange): void {
  const body = jsonBody(exchange, []);
  const model = modelOf(exchange, body);
  const left = textsOf(body['text_1'] ?? body['queries']);
  const right = textsOf(body['text_2'] ?? body['documents'] ?? body['items']);
  if (left.length !== 1 && left.length !== right.length) {
    throw badRequest('Input lengths must be either 1:1, 1:N or N:N');
  }
  const pairs = right.map((text, i) => pairOf(left[left.length === 1 ? 0 : i]!, text, saltOf(body, model)));
  compute(exchange, pairs, 0, () => {
    exchange.json(200, {
      id: `score-${exchange.bodyId}`,
      object: 'list',
      created: Math.floor(Date.now() / 1000),
      model: model.name,
      data: pairs.map(({ key }, index) => ({ index, object: 'score', score: scoreOf(key) })),
      usage: usageOf(pairs),
    });
  });
}

/** `POST /rerank`, `/v1/rerank`, `/v2/rerank`: best first. */
export function rerank(exchange: Exchange): void {
  const body = jsonBody(exchange, ['query', 'documents']);
  const model = modelOf(exchange, body);
  const documents = textsOf(body['documents']);
  const pairs = documents.map((text) => pairOf(String(body['query']), text, saltOf(body, model)));
  const top = typeof body['top_n'] === 'number' && body['top_n'] > 0 ? body['top_n'] : documents.length;
  compute(exchange, pairs, 0, () => {
    const results = pairs
      .map(({ key }, index) => ({
        index,
        document: { text: documents[index], multi_modal: null },
        relevance_score: scoreOf(key),
      }))
      .sort((a, b) => b.relevance_score - a.relevance_score)
      .slice(0, top);
    const tokens = pairs.reduce((sum, pair) => sum + pair.tokens, 0);
    exchange.json(200, {
      id: `score-${exchange.bodyId}`,
      model: model.name,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
      results,
    });
  });
}

/** `POST /classify`. */
export function classify(exchange: Exchange): void {
  const body = jsonBody(exchange, []);
  const model = modelOf(exchange, body);
  const prompts = promptsOf(body['input'], saltOf(body, model));
  compute(exchange, prompts, 0, () => {
    exchange.json(200, {
      id: `classify-${exchange.bodyId}`,
      object: 'list',
      created: Math.floor(Date.now() / 1000),
      model: model.name,
      data: prompts.map(({ key }, index) => {
        const share = (scoreOf(key) + 1) / 2;
        return { index, label: share >= 0.5 ? 'LABEL_1' : 'LABEL_0', probs: [1 - share, share], num_classes: 2 };
      }),
      usage: usageOf(prompts),
    });
  });
}

function textsOf(value: unknown): string[] {
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (list.length === 0) throw badRequest('At least one text must be given');
  return list.map((item) => {
    if (typeof item === 'string') return item;
    const { text, content } = (item ?? {}) as Json;
    return typeof text === 'string' ? text : contentText(content);
  });
}

function pairOf(a: string, b: string, salt: string): Prompt {
  return promptOf(Buffer.from(`${a}${b}`), salt);
}

/** In [-1, 1), the same for the same texts. */
function scoreOf(key: number): number {
  return textKey(key, 0, 0) / 0x8000_0000 - 1;
}

function vectorOf(key: number, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (let i = 0; i < dimensions; i++) vector[i] = textKey(key, 1, i) / 0x8000_0000 - 1;
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}

function usageOf(prompts: readonly Prompt[]): unknown {
  const tokens = prompts.reduce((sum, prompt) => sum + prompt.tokens, 0);
  return {
    prompt_tokens: tokens,
    total_tokens: tokens,
    completion_tokens: 0,
    prompt_tokens_details: null,
    completion_tokens_details: null,
  };
}
