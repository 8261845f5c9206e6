import { promptOf } from '../../src/simulator/engine/prompt.ts';
import { chatText } from '../../src/simulator/engine/template.ts';
import { textKey, VOCABULARIES, wordsOf } from '../../src/simulator/engine/text.ts';
import type { RawRequest } from '../fakes/raw-client.ts';

export interface ChatBody {
  readonly model?: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly [name: string]: unknown;
}

/** A chat request; streams unless `stream: false` is among `more`. */
export function chatBody(content: string, more: Readonly<Record<string, unknown>> = {}): ChatBody {
  return { model: 'tiny-chat', messages: [{ role: 'user', content }], max_tokens: 8, stream: true, ...more };
}

export function chatRequest(content: string, more: Readonly<Record<string, unknown>> = {}): RawRequest {
  return { path: '/v1/chat/completions', body: chatBody(content, more) };
}

/** What every simulated engine says to these messages. */
export function expectedText(body: ChatBody, index = 0, text: 'ascii' | 'unicode' = 'ascii'): string {
  const { key } = promptOf(Buffer.from(chatText(body.messages, body['tools'])));
  const seed = typeof body['seed'] === 'number' ? body['seed'] : 0;
  const tokens = typeof body['max_tokens'] === 'number' ? body['max_tokens'] : 16;
  return wordsOf(VOCABULARIES[text], textKey(key, seed, index), tokens);
}
