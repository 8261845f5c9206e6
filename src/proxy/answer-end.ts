import { parseUsage, type Usage } from './usage.ts';

/** Bytes at an answer's end in which engines say how it went: before that an answer may hold megabytes of embeddings. */
const END = 8 * 1024;
const ABORTED = /"finish_reason": ?"abort"/;

/** What the end of a complete answer says. */
export interface AnswerEnd {
  readonly usage: Usage | undefined;
  /** vLLM ends what it gives up with this reason and a 200. */
  readonly aborted: boolean;
}

/** Of an answer that is an error. */
export const NO_END: AnswerEnd = { usage: undefined, aborted: false };

/** `body` as latin1. */
export function readAnswerEnd(body: string): AnswerEnd {
  const text = body.length <= END ? body : body.slice(-END);
  return { usage: parseUsage(text), aborted: text.includes('"abort"') && ABORTED.test(text) };
}
