/**
 * What a path speaks: it decides how a stream of it ends well, what an error event looks like, and where usage stands.
 * `other` covers everything whose content the router does not look into.
 */
export type ApiKind = 'chat' | 'responses' | 'messages' | 'other';

/** The wire words of one kind, as vLLM 0.32 sends them (recorded). */
export interface StreamWords {
  /** Proof that the engine finished what it was asked: `[DONE]` is none, a dying engine sends that too. */
  readonly finished: readonly string[];
  readonly usage: string | undefined;
}

const words = (usage: string | undefined, ...finished: string[]): StreamWords => ({ finished, usage });

export const STREAM_WORDS: Readonly<Record<ApiKind, StreamWords>> = {
  chat: words('"usage":{', '"finish_reason":"', '"finish_reason": "'),
  responses: words('"usage":{', 'event: response.completed', 'event: response.incomplete', 'event: response.failed'),
  messages: words('"usage":{', 'event: message_stop'),
  other: words(undefined),
};

const KINDS: Readonly<Record<string, ApiKind>> = {
  '/v1/chat/completions': 'chat',
  '/v1/completions': 'chat',
  '/v1/responses': 'responses',
  '/v1/messages': 'messages',
};

export function apiKind(path: string): ApiKind {
  return KINDS[path] ?? 'other';
}

/** One server-sent event that tells a client of `kind` that the stream is broken; its SDK throws on it. */
export function errorEvent(kind: ApiKind, error: { code: string; message: string; type: string }): Buffer {
  const body = { message: error.message, type: error.type, param: null, code: error.code };
  if (kind === 'messages')
    return Buffer.from(`event: error\ndata: ${JSON.stringify({ type: 'error', error: body })}\n\n`);
  if (kind === 'responses') {
    const event = { type: 'error', code: error.code, message: error.message, param: null, error: body };
    return Buffer.from(`event: error\ndata: ${JSON.stringify(event)}\n\n`);
  }
  return Buffer.from(`data: ${JSON.stringify({ error: body })}\n\n`);
}
