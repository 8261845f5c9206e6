import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A program this benchmark has started, bound to one core; it is ended with the driver. */
export interface Program {
  readonly name: string;
  readonly pid: number;
  /** Lines of stdout, when they were asked for. */
  readonly lines: AsyncIterableIterator<string>;
  /** Resolves with how it ended, for a message. */
  readonly ended: Promise<string>;
  /** SIGTERM, and SIGKILL after five seconds. */
  stop(): Promise<void>;
  /** The end of what it wrote to stderr or its log, for a message. */
  tail(): string;
}

const running = new Set<ChildProcess>();
let guarded = false;

/** Nothing that was started may outlive the driver: it would spoil the next run. */
function guard(): void {
  if (guarded) return;
  guarded = true;
  process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
}

export interface StartOptions {
  readonly name: string;
  /** Absent: any. */
  readonly core?: number | undefined;
  readonly command: readonly string[];
  /** Folder for NAME.log, which gets stdout (unless `lines`) and stderr. */
  readonly dir: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly lines?: boolean;
}

/** Starts a program, on one core if it is to. It does not wait until the program is ready. */
export function start({ name, core, command, dir, env, lines }: StartOptions): Program {
  guard();
  mkdirSync(dir, { recursive: true });
  const logFile = join(dir, `${name}.log`);
  const log = openSync(logFile, 'w');
  const [file = '', ...args] = core === undefined ? command : ['taskset', '-c', `${core}`, ...command];
  const child = spawn(file, args, {
    stdio: ['ignore', lines ? 'pipe' : log, log],
    env: { ...process.env, ...env },
  });
  closeSync(log);
  running.add(child);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${name} could not be started: ${error.message}`));
    child.once('exit', (code, signal) => resolve(`${name} ended with ${signal ?? `code ${code}`}`));
  }).finally(() => running.delete(child));
  return {
    name,
    pid: child.pid ?? -1,
    lines: (child.stdout ? createInterface({ input: child.stdout }) : emptyLines())[Symbol.asyncIterator](),
    ended,
    async stop() {
      if (!running.has(child)) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(timer);
    },
    tail: () => readFileSync(logFile, 'utf8').slice(-2000),
  };
}

async function* emptyLines(): AsyncGenerator<string> {}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Runs a command to its end and shows its output only when it fails. */
export function runOnce(command: string, args: readonly string[], cwd?: string): void {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error) throw new Error(`${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`);
}

/** Finds a program on the PATH or in the folders where Debian has servers. */
export function which(name: string): string | undefined {
  for (const dir of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/go/bin']) {
    const file = join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}
