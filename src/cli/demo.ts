import { once } from 'node:events';
import { createServer } from 'node:net';
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
const ENGINE_PORT = 9001;

/** Three simulated engines and, in front of them, the router as examples/demo.yaml declares it; until Ctrl-C. */
export async function runDemo({ options }: Invocation, io: Io): Promise<number> {
  const port = Number(options.get('port') ?? ROUTER_PORT);
  const enginePort = Number(options.get('engine-port') ?? ENGINE_PORT);
  const flags = ['--config', fileURLToPath(new URL('../../examples/demo.yaml', import.meta.url))];
  if (port !== ROUTER_PORT) flags.push('--port', String(port));
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
  if (!(await isFree(port))) {
    io.err(`vllm-router demo: port ${port} is taken; choose another with --port\n`);
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
      io.err(`vllm-router demo: port ${enginePort + failed} ${taken}; choose others with --engine-port\n`);
      return EXIT.failed;
    }
    const ended = new AbortController();
    void explain(port, enginePort, io, ended.signal);
    const code = await runServe(serve, io);
    ended.abort();
    return code;
  } finally {
    await Promise.all(engines.map((engine) => engine.kill()));
  }
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
async function explain(port: number, enginePort: number, io: Io, ended: AbortSignal): Promise<void> {
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
