import { Sequence } from './core.ts';
import { BUSY, type Exchange } from './exchange.ts';
import type { Prompt } from './prompt.ts';

/** Runs prompts through the engine without streaming (embeddings, scores, audio) and answers when all are done. */
export function compute(exchange: Exchange, prompts: readonly Prompt[], tokens: number, answer: () => void): void {
  const { host } = exchange;
  if (host.load + prompts.length > host.settings.maxQueued) {
    host.metrics.rejected();
    exchange.error(503, BUSY, 'Service Unavailable');
    return;
  }
  let left = prompts.length;
  const sink = {
    token: () => {
      exchange.record.tokens++;
    },
    ended: () => {
      left--;
      if (left === 0 && !exchange.closed) answer();
    },
  };
  const sequences = prompts.map((prompt, index) => new Sequence(prompt, tokens, index, sink));
  const cancel = () => {
    for (const sequence of sequences) host.core.cancel(sequence);
  };
  exchange.onAbort = cancel;
  exchange.onCrash = () => {
    cancel();
    exchange.coreDied();
  };
  for (const sequence of sequences) host.core.submit(sequence);
}
