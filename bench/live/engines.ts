import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineModel } from '../../src/simulator/replay/engine.ts';
import { freePort, type Program, start } from '../program.ts';

export const MODEL = 'live';
/** Sequences that decode at once in the cells, roughly: the live engines' time per token does not depend on it. */
const DECODING = 12;

export interface LiveEngine {
  readonly url: string;
  readonly program: Program;
}

/** Starts one engine; `model` is what the discrete-event simulator predicts with. */
export type StartEngine = (number: number, dir: string) => Promise<LiveEngine>;

export interface LiveModel {
  readonly model: EngineModel;
  readonly blockTokens: number;
  /** Every time is divided by it; answers are so many times shorter instead of their tokens faster. */
  readonly scale: number;
}

/** One of `src/simulator/engine`, a process of its own. */
export function simulated({ model, blockTokens, scale }: LiveModel): StartEngine {
  const main = join(import.meta.dirname, '../../src/simulator/engine/main.ts');
  const flags = {
    model: MODEL,
    speed: scale,
    'prefill-rate': 1000 / model.beta1,
    'decode-rate': 1000 / (model.beta0 + model.beta2 * DECODING) / scale,
    'max-num-seqs': model.maxSequences,
    'cache-blocks': Math.floor(model.cacheTokens / blockTokens),
    'block-size': blockTokens,
    'log-limit': 1,
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return async (number, dir) => {
    const command = [process.execPath, main, ...args];
    const program = start({ name: `engine-${number}`, command, dir, lines: true });
    const first = await Promise.race([program.lines.next(), program.ended]);
    if (typeof first === 'string') throw new Error(`${first}\n${program.tail()}`);
    return { url: (JSON.parse(first.value) as { url: string }).url, program };
  };
}

/**
 * llm-d-inference-sim, whose binary the caller has. Its prompts are not computed one after the other: each takes its own
 * time, as if it were alone.
 */
export function llmd(binary: string, { model, blockTokens, scale }: LiveModel): StartEngine {
  return async (number, dir) => {
    const port = await freePort();
    const flags = {
      model: MODEL,
      port,
      mode: 'random',
      'max-num-seqs': model.maxSequences,
      'max-model-len': 65_536,
      'block-size': blockTokens,
      'kv-cache-size': Math.floor(model.cacheTokens / blockTokens),
      'prefill-overhead': '1ms',
      'prefill-time-per-token': `${(1000 * model.beta1) / scale}us`,
      'inter-token-latency': `${model.beta0 + model.beta2 * DECODING}ms`,
      'max-waiting-queue-length': 100_000,
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    // No look at Hugging Face for the model, and its events go to a port where nobody listens.
    const command = [binary, '--enable-kvcache', '--force-dummy-tokenizer', ...args];
    const program = start({ name: `engine-${number}`, command, dir, env: { POD_IP: '127.0.0.1' } });
    const url = `http://127.0.0.1:${port}`;
    await untilHealthy(url, program);
    return { url, program };
  };
}

async function untilHealthy(url: string, program: Program): Promise<void> {
  let ended: string | undefined;
  program.ended.then((how) => {
    ended = how;
  });
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(50)) {
    if (ended) throw new Error(`${ended}\n${program.tail()}`);
    try {
      if ((await fetch(`${url}/health`)).ok) return;
    } catch {
      // Not yet.
    }
  }
  throw new Error(`${url} is not healthy after 30 s\n${program.tail()}`);
}

/** ms that all requests so far have spent at the engine, by its own account. */
export async function timeAt({ url }: LiveEngine): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = /^vllm:e2e_request_latency_seconds_sum\{[^}]*\} (\S+)$/m.exec(text);
  return 1000 * Number(found?.[1] ?? 0);
}
