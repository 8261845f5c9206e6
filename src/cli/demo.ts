import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EXIT, type Invocation, parseArgv } from './argv.ts';
import type { Io } from './io.ts';
import { runServe } from './serve.ts';

const HOST = '127.0.0.1';
const OPT = 'facebook/opt-125m';
const LLAMA = 'meta-llama/Llama-3.1-8B-Instruct';
/** By engine; the ports that examples/demo.yaml names follow each other. */
const MODELS = [OPT, LLAMA, OPT];
const ROUTER_PORT = 8001;
const ADMIN_PORT = 8002;
const ENGINE_PORT = 9001;

interface Ports {
  readonly port: number;
  readonly adminPort: number;
  /** Of the first engine. */
  readonly enginePort: number;
}

/** Three simulated engines and, in front of them, the router as examples/demo.yaml declares it; until Ctrl-C. */
export async function runDemo({ options }: Invocation, io: Io): Promise<number> {
  const port = Number(options.get('port') ?? ROUTER_PORT);
  const enginePort = Number(options.get('engine-port') ?? ENGINE_PORT);
  const flags = ['--config', fileURLToPath(new URL('../../examples/demo.yaml', import.meta.url))];
  const adminPort = await portForAdmin(options.get('admin-port'), port);
  if (port !== ROUTER_PORT) flags.push('--port', String(port));
  if (adminPort !== ADMIN_PORT) flags.push('--set', `listeners.ops.bind=${HOST}:${adminPort}`);
  if (enginePort !== ENGINE_PORT) {
    for (const i of MODELS.keys()) {
      flags.push('--set', `discovery.lab.backends[${i}].url=http://${HOST}:${enginePort + i}`);
    }
  }
  const serve = parseArgv(flags);
  if ('message' in serve) {
    io.err(serve.message);
    return EXIT.usage;
  }
  const taken = [port, adminPort];
  for (const [at, flag] of ['--port', '--admin-port'].entries()) {
    if (await isFree(taken[at]!)) continue;
    io.err(`vllm-router demo: port ${taken[at]} is taken; choose another with ${option(flag, io)}\n`);
    return EXIT.failed;
  }
  // Only here: no other command needs the simulator.
  const { startEngine } = await import('../simulator/engine/engine.ts');
  const started = await Promise.allSettled(
    MODELS.map((model, i) =>
      startEngine({ host: HOST, port: enginePort + i, models: [model], decodeRate: 30, outputTokens: 40, seed: i + 1 }),
    ),
  );
  const engines = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  try {
    const failed = started.findIndex((result) => result.status === 'rejected');
    if (failed >= 0) {
      const { reason } = started[failed] as PromiseRejectedResult;
      const taken = reason.code === 'EADDRINUSE' ? 'is taken' : `cannot be had: ${reason.message}`;
      io.err(
        `vllm-router demo: port ${enginePort + failed} ${taken}; choose others with ${option('--engine-port', io)}\n`,
      );
      return EXIT.failed;
    }
    const ended = new AbortController();
    if (io.env['npm_lifecycle_event'] !== undefined) endWithParent(ended.signal);
    void explain({ port, adminPort, enginePort }, io, ended.signal);
    const code = await runServe(serve, io);
    ended.abort();
    return code;
  } finally {
    await Promise.all(engines.map((engine) => engine.kill()));
  }
}

/** npm passes a signal to its shell, which dies of it and leaves the command running: whoever ends `npm start` means the demo. */
function endWithParent(ended: AbortSignal): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  ended.addEventListener('abort', () => clearInterval(timer));
}

/** As it is passed on by `npm start`. */
function option(flag: string, { env }: Io): string {
  return env['npm_lifecycle_event'] === 'start' ? `\`npm start -- ${flag} PORT\`` : flag;
}

/** The usual one, or one that is free: nobody who wants to see the router needs this one. */
async function portForAdmin(asked: string | undefined, routerPort: number): Promise<number> {
  if (asked !== undefined) return Number(asked);
  if (routerPort !== ADMIN_PORT && (await isFree(ADMIN_PORT))) return ADMIN_PORT;
  const probe = createServer();
  await once(probe.listen(0, HOST), 'listening');
  const { port } = probe.address() as AddressInfo;
  await once(probe.close(), 'close');
  return port;
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    await once(probe.listen(port, HOST), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    probe.close();
  }
}

/** Says what runs and what to try, once the router knows all models. */
async function explain({ port, adminPort, enginePort }: Ports, io: Io, ended: AbortSignal): Promise<void> {
  const url = `http://localhost:${port}`;
  while (!ended.aborted && (await listed(`http://${HOST}:${port}`)).size < new Set(MODELS).size) {
    await sleep(50, undefined, { signal: ended }).catch(() => {});
  }
  if (ended.aborted) return;
  const engines = MODELS.map(
    (model, i) => `  http://localhost:${enginePort + i}   engine ${i + 1} (simulated): ${model}\n`,
  );
  const json = `-H 'content-type: application/json'`;
  io.out(`
vllm-router is running, from examples/demo.yaml
  ${url}   the router; ${url}/metrics, ${url}/engines
  http://localhost:${adminPort}   its status page, to be opened in a browser
${engines.join('')}
Try:
  curl ${url}/v1/models

  curl ${url}/v1/chat/completions ${json} \\
    -d '{"model":"${LLAMA}","messages":[{"role":"user","content":"Hello"}]}'

  curl -N ${url}/v1/chat/completions ${json} \\
    -d '{"model":"${OPT}","stream":true,"messages":[{"role":"user","content":"Hello"}]}'

Ctrl-C ends it.

`);
}

async function listed(url: string): Promise<Set<string>> {
  try {
    const response = await fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(1000) });
    const { data } = (await response.json()) as { data: { id: string }[] };
    return new Set(data.map(({ id }) => id));
  } catch {
    return new Set();
  }
}
