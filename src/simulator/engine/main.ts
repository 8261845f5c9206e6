import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { applyFaults } from './control.ts';
import { startEngine } from './engine.ts';
import { ENGINE_KINDS, type EngineKind, type EngineOptions } from './options.ts';

/**
 * A simulated engine as its own process, for tests that send it signals. One JSON line on stdout says where it listens; JSON
 * lines on stdin are faults (they arrive even while it refuses connections). SIGTERM does what vLLM does with it.
 */
const { values } = parseArgs({
  options: {
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
  },
});

type Flag = keyof typeof values;

function number(flag: Flag): number | undefined {
  const text = values[flag];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new RangeError(`--${flag}: not a number: ${text}`);
  return value;
}

function oneOf<T extends string>(flag: Flag, allowed: readonly T[]): T | undefined {
  const text = values[flag];
  if (text === undefined) return undefined;
  const found = allowed.find((candidate) => candidate === text);
  if (!found) throw new RangeError(`--${flag}: one of ${allowed.join(', ')}`);
  return found;
}

const given = {
  port: number('port'),
  host: values.host,
  models: values.model,
  loras: values.lora,
  kind: oneOf<EngineKind>('kind', ENGINE_KINDS),
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
const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as EngineOptions;

// A starting vLLM refuses connections for the whole start.
const delay = number('startup-delay') ?? 0;
if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
const engine = await startEngine(options);
process.stdout.write(`${JSON.stringify({ url: engine.url, port: engine.port, pid: process.pid })}\n`);

const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  try {
    applyFaults(engine, JSON.parse(line));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
  }
});
// A terminal's end or a closed pipe is no reason to end, and an open one none to stay.
process.stdin.unref?.();

process.once('SIGTERM', async () => {
  await engine.terminate((number('shutdown-timeout') ?? 0) * 1000);
  process.exit(0);
});
process.once('SIGINT', async () => {
  await engine.kill();
  process.exit(0);
});
