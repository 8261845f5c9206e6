import type { Json } from './request.ts';
import type { Word } from './text.ts';

const LOGPROB = -8.317761421203613;

/** `logprobs` of a chat choice for these tokens; the runners-up are made up. */
export function chatLogprobs(words: readonly Word[], body: Json): unknown {
  const top = typeof body['top_logprobs'] === 'number' ? body['top_logprobs'] : 0;
  const entry = (text: string) => ({ token: text, logprob: LOGPROB, bytes: [...Buffer.from(text)] });
  return {
    content: words.map(({ text }) => ({
      ...entry(text),
      top_logprobs: Array.from({ length: top }, (_, i) => entry(i === 0 ? text : ` ${i}`)),
    })),
  };
}

/** `logprobs` of a completion choice; `offset` is where its first token stands in the text. */
export function completionLogprobs(words: readonly Word[], offset: number, top: number): unknown {
  let at = offset;
  const offsets = words.map(({ text }) => {
    const start = at;
    at += text.length;
    return start;
  });
  return {
    text_offset: offsets,
    token_logprobs: words.map(() => LOGPROB),
    tokens: words.map(({ text }) => text),
    top_logprobs: words.map(({ text }) => (top > 0 ? { [text]: LOGPROB } : null)),
  };
}
