import { text } from './otlp-json.ts';

/** What the GenAI conventions call it; paths without a word there have no attribute. */
const OPERATIONS: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'chat',
  '/v1/chat/completions/batch': 'chat',
  '/v1/responses': 'chat',
  '/v1/messages': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/embeddings': 'embeddings',
};

/** The attributes are required together. Which engine it is is not known; that it is spoken to as one is. */
const BY_PATH = new Map(
  Object.entries(OPERATIONS).map(([path, name]) => [
    path,
    text('gen_ai.operation.name', name) + text('gen_ai.provider.name', 'vllm'),
  ]),
);

export function operationOf(path: string): string {
  return BY_PATH.get(path) ?? '';
}
