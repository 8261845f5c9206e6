import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A real engine, started by a command line in a process group of its own. */
export class EngineProcess {
  readonly url: string;
  readonly child: ChildProcess;

  constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.child = child;
  }

  /** `command` is a shell command with `{port}`; resolves once `/health` is 200. What it prints is added to a file in `folder`. */
  static async start(command: string, port: number, folder?: string): Promise<EngineProcess> {
    const output = folder === undefined ? 'ignore' : openSync(join(folder, `engine-${port}.log`), 'a');
    const child = spawn('bash', ['-c', `exec ${command.replaceAll('{port}', String(port))}`], {
      detached: true,
      stdio: ['ignore', output, output],
    });
    if (typeof output === 'number') closeSync(output);
    const engine = new EngineProcess(`http://127.0.0.1:${port}`, child);
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the engine ended with ${child.exitCode}`);
      const status = await fetch(`${engine.url}/health`).then(
        (response) => response.status,
        () => 0,
      );
      if (status === 200) return engine;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  /** To the API server alone. */
  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** SIGKILL to all its processes, as the end of a pod is: vLLM's core outlives its API server, and takes the processor from others. */
  async end(): Promise<void> {
    try {
      process.kill(-this.child.pid!, 'SIGKILL');
    } catch {
      // It is gone already.
    }
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
  }

  /** Requests that run or wait, as the engine counts them. */
  async busy(): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    let sum = 0;
    for (const line of text.split('\n')) {
      if (!/^(?:vllm:num_requests_(?:running|waiting)|llamacpp:requests_(?:processing|deferred))\b/.test(line))
        continue;
      sum += Number(line.slice(line.lastIndexOf(' ')));
    }
    return sum;
  }
}
