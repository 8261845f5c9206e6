import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { assemble } from '../config/assemble.ts';
import type { Config } from '../config/config.ts';
import type { Diagnostic } from '../config/diagnostic.ts';
import { type ConfigFile, type Loaded, loadSteps } from '../config/load.ts';
import type { Overlay } from '../config/overlay.ts';
import type { Plain } from '../config/tree.ts';
import type { Log } from '../log.ts';
import { besideRequests, rest } from './beside-requests.ts';
import { shownDocument } from './changes.ts';

/**
 * Characters of all files up to which a reload's config is made here, in pieces: 20 ms in all and 3 in the longest piece. A thousand
 * backends are 200 KB and 120 ms, 18 of them in one piece: those are left to a thread of its own, which takes 0.2 s of CPU to start and
 * 20 MB more than reading them here.
 */
const LARGE = 16 * 1024;
/** ms that the thread is kept for the next reload. */
const KEEP = 60_000;

const SCRIPT = new URL(`./config-worker${extname(import.meta.url)}`, import.meta.url);

export interface WorkerQuestion {
  readonly files: readonly ConfigFile[];
  readonly overlay: Overlay;
}

export interface WorkerAnswer {
  /** JSON of what the config is assembled from; absent when there is an error among the diagnostics. */
  readonly values?: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** A config, or why there is none. */
export interface LoadedConfig {
  readonly config?: Config;
  readonly diagnostics: readonly Diagnostic[];
  /** The document, for telling what changes; absent of a large config. */
  readonly shown?: Plain;
}

/** Makes configs of files while requests run, holding none of them up for more than some ms. One at a time. */
export class ConfigLoader {
  readonly #log: Log;
  readonly #script: URL;
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log, script = SCRIPT) {
    this.#log = log;
    this.#script = script;
  }

  async load(question: WorkerQuestion): Promise<LoadedConfig> {
    if (isLarge(question.files)) {
      try {
        return await fromAnswer(await this.#ask(question));
      } catch (error) {
        this.close();
        this.#log.warn({ err: error }, 'no thread for a large config: it is read beside the requests');
      }
    }
    const loaded = await besideRequests(loadSteps({ ...question, env: process.env }));
    await rest();
    return withDocument(loaded, question.files);
  }

  close(): void {
    clearTimeout(this.#timer);
    void this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #ask(question: WorkerQuestion): Promise<WorkerAnswer> {
    clearTimeout(this.#timer);
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const asked = new AbortController();
    const { signal } = asked;
    try {
      const answered = once(worker, 'message', { signal });
      const ended = once(worker, 'exit', { signal }).then(([code]) => {
        throw new Error(`the thread has ended with code ${code}`);
      });
      worker.postMessage(question);
      const [answer] = (await Promise.race([answered, ended])) as [WorkerAnswer];
      return answer;
    } finally {
      asked.abort();
      this.#timer = setTimeout(() => this.close(), KEEP).unref();
    }
  }

  #start(): Worker {
    const worker = new Worker(this.#script, { name: 'config', execArgv: [] });
    worker.unref();
    // Whoever waits for an answer hears of it too; without a listener it would end the process.
    worker.on('error', () => {});
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }
}

/** A loaded config with what its later changes are told from. */
export function withDocument(loaded: Loaded, files: readonly ConfigFile[]): LoadedConfig {
  return isLarge(files) ? loaded : { ...loaded, shown: shownDocument(loaded.tree) };
}

function isLarge(files: readonly ConfigFile[]): boolean {
  return files.reduce((sum, { text }) => sum + text.length, 0) > LARGE;
}

async function fromAnswer({ values, diagnostics }: WorkerAnswer): Promise<LoadedConfig> {
  if (values === undefined) return { diagnostics };
  const plain = JSON.parse(values) as Plain;
  await rest();
  return { config: assemble(plain), diagnostics };
}
