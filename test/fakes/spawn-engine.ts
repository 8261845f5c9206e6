import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { EngineState } from '../../src/simulator/engine/control.ts';
import type { Fault } from '../../src/simulator/engine/faults.ts';

const MAIN = fileURLToPath(new URL('../../src/simulator/engine/main.ts', import.meta.url));

/** A simulated engine in a process of its own, to be killed, stopped and continued. */
export class SpawnedEngine {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;

  constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.port = Number(new URL(url).port);
    this.child = child;
  }

  get pid(): number {
    return this.child.pid!;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Sends the signal and resolves once the process is gone. */
  async end(name: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    // A stopped process does not see any other signal.
    if (name === 'SIGKILL') this.child.kill('SIGCONT');
    this.child.kill(name);
    await gone;
  }

  /** Replaces its faults; none clears them. */
  async setFaults(...faults: readonly Fault[]): Promise<void> {
    await fetch(`${this.url}/simulator/faults`, { method: 'POST', body: JSON.stringify(faults) });
  }

  /** The same over stdin, for an engine that refuses connections. */
  command(...faults: readonly Fault[]): void {
    this.child.stdin!.write(`${JSON.stringify(faults)}\n`);
  }

  async state(): Promise<EngineState> {
    const response = await fetch(`${this.url}/simulator/state`);
    return (await response.json()) as EngineState;
  }
}

/** Starts `node src/simulator/engine/main.ts` with these flags (`--model`, `--port` …) and waits until it listens. */
export async function spawnEngine(flags: readonly string[] = []): Promise<SpawnedEngine> {
  const child = spawn(process.execPath, [MAIN, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! });
  const first = once(lines, 'line');
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the engine ended with ${code} before it listened`);
  });
  const [line] = await Promise.race([first, gone]);
  gone.catch(() => {});
  return new SpawnedEngine(JSON.parse(line as string).url, child);
}
