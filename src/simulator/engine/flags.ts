import { parseArgs } from 'node:util';
import { ENGINE_KINDS, type EngineOptions } from './options.ts';

export const USAGE = `node src/simulator/engine/main.ts [flags]   a simulated vLLM engine; one JSON line says where it listens

  --port N                  the system chooses one
  --host HOST               127.0.0.1
  --model NAME              tiny-chat; given again: further names of it
  --lora NAME               an adapter, loaded at the start; given again: one more
  --kind KIND               ${ENGINE_KINDS.join(', ')}
  --prefill-rate N          uncached prompt tokens a second, one prompt at a time (100000)
  --decode-rate N           tokens a second of each running sequence (200)
  --speed N                 divides every time (1)
  --max-num-seqs N          sequences that decode at once (256)
  --max-queued N            sequences running and waiting; no limit
  --max-model-len N         tokens (131072)
  --cache-blocks N          of the KV cache (16384); 0: no prefix caching
  --block-size N            tokens of a block (16)
  --output-tokens N         of an answer whose request names no limit (16)
  --text KIND               words of the answers: ascii, unicode
  --header-delay MS         until a request is scheduled (3)
  --keep-alive MS           for an idle connection (5000)
  --api-key KEY             that clients must have
  --seed N                  for faults and ids (1)
  --log-limit N             requests that it remembers (1000)
  --no-sleep-mode           no /sleep, /wake_up, /pause …
  --no-request-id-headers
  --startup-delay MS        for which it refuses connections (0)
  --shutdown-timeout S      that live requests have after SIGTERM (0: they hang until their clients leave, as with vLLM)

JSON lines on standard input are faults, until the next line: {"kind": "freeze"}, {"kind": "status", "status": 500}, [] for none.
All of them stand in src/simulator/engine/faults.ts.
`;

const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  model: { type: 'string', multiple: true },
  lora: { type: 'string', multiple: true },
  kind: { type: 'string' },
  'max-num-seqs': { type: 'string' },
  'prefill-rate': { type: 'string' },
  'decode-rate': { type: 'string' },
  speed: { type: 'string' },
  'cache-blocks': { type: 'string' },
  'block-size': { type: 'string' },
  'max-model-len': { type: 'string' },
  'max-queued': { type: 'string' },
  'api-key': { type: 'string' },
  seed: { type: 'string' },
  'header-delay': { type: 'string' },
  'output-tokens': { type: 'string' },
  text: { type: 'string' },
  'keep-alive': { type: 'string' },
  'log-limit': { type: 'string' },
  'no-sleep-mode': { type: 'boolean' },
  'no-request-id-headers': { type: 'boolean' },
  'shutdown-timeout': { type: 'string' },
  'startup-delay': { type: 'string' },
} as const;

export interface EngineFlags {
  readonly options: EngineOptions;
  /** ms. */
  readonly startupDelay: number;
  /** ms. */
  readonly shutdownTimeout: number;
}

/** Throws an error whose message is for whoever typed them. */
export function readFlags(args: readonly string[]): EngineFlags {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const number = (flag: keyof typeof values): number | undefined => {
    const text = values[flag];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!Number.isFinite(value)) throw new RangeError(`--${flag}: not a number: ${text}`);
    return value;
  };
  const oneOf = <T extends string>(flag: keyof typeof values, allowed: readonly T[]): T | undefined => {
    const text = values[flag];
    if (text === undefined) return undefined;
    const found = allowed.find((candidate) => candidate === text);
    if (!found) throw new RangeError(`--${flag}: one of ${allowed.join(', ')}`);
    return found;
  };
  const given = {
    port: number('port'),
    host: values.host,
    models: values.model,
    loras: values.lora,
    kind: oneOf('kind', ENGINE_KINDS),
    maxNumSeqs: number('max-num-seqs'),
    prefillRate: number('prefill-rate'),
    decodeRate: number('decode-rate'),
    speed: number('speed'),
    cacheBlocks: number('cache-blocks'),
    blockSize: number('block-size'),
    maxModelLen: number('max-model-len'),
    maxQueued: number('max-queued'),
    apiKey: values['api-key'],
    seed: number('seed'),
    headerDelay: number('header-delay'),
    outputTokens: number('output-tokens'),
    text: oneOf('text', ['ascii', 'unicode'] as const),
    keepAlive: number('keep-alive'),
    logLimit: number('log-limit'),
    sleepMode: values['no-sleep-mode'] ? false : undefined,
    requestIdHeaders: values['no-request-id-headers'] ? false : undefined,
  };
  return {
    options: Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as EngineOptions,
    startupDelay: number('startup-delay') ?? 0,
    shutdownTimeout: (number('shutdown-timeout') ?? 0) * 1000,
  };
}
