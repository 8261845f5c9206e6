/** What a simulated engine serves, as the model loaded into vLLM decides it; `omni` stands for vllm-omni (speech, images). */
export type EngineKind = 'generate' | 'pooling' | 'classify' | 'transcription' | 'omni';

export const ENGINE_KINDS: readonly EngineKind[] = ['generate', 'pooling', 'classify', 'transcription', 'omni'];

export interface EngineOptions {
  /** 0 lets the system choose. */
  readonly port?: number;
  readonly host?: string;
  /** The first is the served name (the one in answers and metrics), the others are its aliases. */
  readonly models?: readonly string[];
  /** LoRA adapters loaded at start; loading at run time works when the list is given, even empty. */
  readonly loras?: readonly string[];
  readonly kind?: EngineKind;
  /** Sequences that decode at once. */
  readonly maxNumSeqs?: number;
  /** Uncached prompt tokens a second; one prompt at a time. */
  readonly prefillRate?: number;
  /** Tokens a second of each running sequence. */
  readonly decodeRate?: number;
  /** Divides every time: 10 is an engine ten times as fast. */
  readonly speed?: number;
  /** Blocks of the KV cache; 0 switches prefix caching off. */
  readonly cacheBlocks?: number;
  /** Tokens a block. */
  readonly blockSize?: number;
  readonly maxModelLen?: number;
  /** `--max-num-queued-reqs`: sequences running and waiting; absent: no limit. */
  readonly maxQueued?: number;
  /** Required as a bearer token under /v1, /v2, /inference and /cohere. */
  readonly apiKey?: string;
  /** For the faults' probabilities and the ids. */
  readonly seed?: number;
  /** ms from the request's arrival until it is scheduled and, with a stream, its headers are sent. */
  readonly headerDelay?: number;
  /** Tokens of an answer whose request names no limit; it then ends with `stop`. */
  readonly outputTokens?: number;
  /** Words of the answers: plain ASCII, or with multi-byte and escaped characters in them. */
  readonly text?: 'ascii' | 'unicode';
  /** `/sleep`, `/wake_up`, `/is_sleeping`, `/pause` and `/resume` exist. */
  readonly sleepMode?: boolean;
  /** `--enable-request-id-headers`. */
  readonly requestIdHeaders?: boolean;
  /** ms that an idle connection is kept; uvicorn's is 5,000 and is announced nowhere. */
  readonly keepAlive?: number;
  /** Requests kept in `requests`; older ones are forgotten. */
  readonly logLimit?: number;
}

export interface EngineSettings extends Required<Omit<EngineOptions, 'loras' | 'maxQueued' | 'apiKey'>> {
  readonly loras: readonly string[] | undefined;
  readonly maxQueued: number;
  readonly apiKey: string | undefined;
}

export function settingsOf(options: EngineOptions): EngineSettings {
  const models = options.models ?? ['tiny-chat'];
  if (models.length === 0) throw new RangeError('an engine needs a model');
  return {
    port: options.port ?? 0,
    host: options.host ?? '127.0.0.1',
    models,
    loras: options.loras,
    kind: options.kind ?? 'generate',
    maxNumSeqs: options.maxNumSeqs ?? 256,
    prefillRate: options.prefillRate ?? 100_000,
    decodeRate: options.decodeRate ?? 200,
    speed: options.speed ?? 1,
    cacheBlocks: options.cacheBlocks ?? 16_384,
    blockSize: options.blockSize ?? 16,
    maxModelLen: options.maxModelLen ?? 131_072,
    maxQueued: options.maxQueued ?? Number.POSITIVE_INFINITY,
    apiKey: options.apiKey,
    seed: options.seed ?? 1,
    headerDelay: options.headerDelay ?? 3,
    outputTokens: options.outputTokens ?? 16,
    text: options.text ?? 'ascii',
    sleepMode: options.sleepMode ?? true,
    requestIdHeaders: options.requestIdHeaders ?? true,
    keepAlive: options.keepAlive ?? 5000,
    logLimit: options.logLimit ?? 1000,
  };
}
