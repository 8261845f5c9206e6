/** How the model of a request is found. */
export type BodyKind = 'json' | 'form';

export interface Endpoint {
  readonly path: string;
  readonly body: BodyKind;
}

/**
 * Every path that is forwarded, exactly as listed and by POST: an engine's other paths (/pause, /invocations, /abort_requests,
 * the LoRA loader) are open to whoever reaches them, since vLLM's key guards only /v1, /v2, /inference and /cohere. A Map in front
 * of the router: matching these by 40 expressions would cost more than the rest of the pipeline.
 */
const JSON_PATHS = [
  '/v1/chat/completions',
  '/v1/chat/completions/batch',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/rerank',
  '/v2/rerank',
  '/v1/score',
  '/v1/responses',
  '/v1/messages',
  '/v1/messages/count_tokens',
  '/v1/audio/speech',
  '/v1/images/generations',
  '/v1/moderations',
  '/v1/classify',
  '/rerank',
  '/score',
  '/tokenize',
  '/detokenize',
  '/pooling',
  '/classify',
];

const FORM_PATHS = ['/v1/audio/transcriptions', '/v1/audio/translations', '/v1/images/edits', '/v1/images/variations'];

export const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  ...JSON_PATHS.map((path) => [path, { path, body: 'json' }] as const),
  ...FORM_PATHS.map((path) => [path, { path, body: 'form' }] as const),
]);
