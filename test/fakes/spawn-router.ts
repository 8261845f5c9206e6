import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/vllm-router.js', import.meta.url));

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface SpawnOptions {
  /** The config: a text as it is, or a value to be written as YAML. */
  readonly config: unknown;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** No `--config` is added. */
  readonly bare?: boolean;
  /** The program, with its arguments, that is to start Node. */
  readonly under?: readonly string[];
  /** A module that runs in the process before the router, for what cannot be done to it from outside. */
  readonly preload?: string;
  /** ms until `ready` must have come. */
  readonly timeout?: number;
}

/** The router as its users run it: a process with a config file. */
export class SpawnedRouter {
  readonly child: ChildProcess;
  readonly configFile: string;
  readonly logs: LogLine[] = [];
  /** Lines of stdout and stderr that are not JSON. */
  readonly noise: string[] = [];
  private readonly folder: string;
  private readonly watchers = new Set<() => void>();
  private closed = false;

  constructor(child: ChildProcess, folder: string, configFile: string) {
    this.child = child;
    this.folder = folder;
    this.configFile = configFile;
    for (const output of [child.stdout!, child.stderr!]) {
      createInterface({ input: output }).on('line', (line) => this.take(line));
    }
    // Not at `exit`: its last lines may come behind that.
    child.once('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Of the first listener. */
  get url(): string {
    return this.urlOf();
  }

  /** Of the listener named `admin`, or the first where there is none. */
  get adminUrl(): string {
    const admin = this.logs.some(({ msg, listener }) => msg === 'listening' && listener === 'admin');
    return this.urlOf(admin ? 'admin' : undefined);
  }

  urlOf(listener?: string): string {
    const line = this.logs.find(
      (entry) => entry.msg === 'listening' && (listener === undefined || entry['listener'] === listener),
    );
    if (!line) throw new Error(`no listener ${listener ?? ''} in the log`);
    const host = String(line['host']);
    const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
    return `http://${reachable}:${line['port']}`;
  }

  /** The first line after `from` that satisfies `condition`; rejects when the process ends or nothing comes in time. */
  async logged(condition: (line: LogLine) => boolean, from = 0, timeout = 30_000): Promise<LogLine> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const found = this.logs.slice(from).find(condition);
      if (found) return found;
      if (this.closed) throw new Error(`the router ended (${this.child.exitCode}):\n${this.tail()}`);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`no such log line within ${timeout} ms:\n${this.tail()}`);
      await this.more(left);
    }
  }

  /** Writes a new config and resolves with the log line that tells how its reload ended. */
  async reload(config: unknown, isResult: (line: LogLine) => boolean = isReloadResult): Promise<LogLine> {
    const from = this.logs.length;
    await writeFile(this.configFile, textOf(config));
    return this.logged(isResult, from);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Sends the signal, resolves with the exit code once the process is gone, and removes its files. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeout = 15_000): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, 'exit');
      this.child.kill(signal);
      const timer = setTimeout(() => this.child.kill('SIGKILL'), timeout);
      await gone;
      clearTimeout(timer);
    }
    await rm(this.folder, { recursive: true, force: true });
    return this.child.exitCode;
  }

  private take(line: string): void {
    try {
      this.logs.push(JSON.parse(line) as LogLine);
    } catch {
      this.noise.push(line);
    }
    this.wake();
  }

  private tail(): string {
    return [...this.noise.slice(-20), ...this.logs.slice(-10).map((line) => JSON.stringify(line))].join('\n');
  }

  private more(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const watch = () => {
        clearTimeout(timer);
        this.watchers.delete(watch);
        resolve();
      };
      const timer = setTimeout(watch, ms);
      this.watchers.add(watch);
    });
  }

  private wake(): void {
    for (const watch of [...this.watchers]) watch();
  }
}

/** Applied, or the first diagnostic of a config that was rejected. */
function isReloadResult({ msg, level, code, file }: LogLine): boolean {
  return msg === 'config applied' || (level === 'error' && code !== undefined && file !== undefined);
}

function textOf(config: unknown): string {
  // JSON is YAML.
  return typeof config === 'string' ? config : `${JSON.stringify(config, null, 2)}\n`;
}

/** Starts the router with this config and waits for its `ready` line. */
export async function spawnRouter(options: SpawnOptions): Promise<SpawnedRouter> {
  const folder = await mkdtemp(join(tmpdir(), 'vllm-router-'));
  const file = join(folder, 'router.yaml');
  await writeFile(file, textOf(options.config));
  // Whatever the config says: the lines have to be read here.
  const args = ['--set', 'logging.format=json', ...(options.bare ? [] : ['--config', file])];
  const preload = options.preload && `data:text/javascript,${encodeURIComponent(options.preload)}`;
  const node = [process.execPath, ...(preload ? ['--import', preload] : []), BIN];
  const [program, ...rest] = [...(options.under ?? []), ...node, ...args, ...(options.flags ?? [])];
  const child = spawn(program!, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  const router = new SpawnedRouter(child, folder, file);
  try {
    await router.logged(({ msg }) => msg === 'ready', 0, options.timeout ?? 60_000);
  } catch (error) {
    await router.stop('SIGKILL');
    throw error;
  }
  return router;
}

export interface TestBackend {
  readonly url: string;
  readonly models?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly weight?: number;
}

/**
 * A config for these engines: the listeners `public` and `admin` on ports that the system chooses, one static source, the
 * default route for every model. `more` replaces whole sections.
 */
export function configFor(
  backends: readonly TestBackend[],
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    version: 1,
    listeners: {
      public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics'] },
      admin: { bind: '127.0.0.1:0', serve: ['health', 'metrics', 'admin'] },
    },
    discovery: { engines: { type: 'static', backends } },
    // Nothing routes to a test's router but the test: there is nobody to wait for.
    shutdown: { delay: '0s' },
    ...more,
  };
}
