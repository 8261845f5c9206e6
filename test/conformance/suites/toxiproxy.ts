import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { startEngine } from '../../../src/simulator/engine/engine.ts';
import { sseEvents } from '../../fakes/framing.ts';
import { type RawResponse, rawRequest } from '../../fakes/raw-client.ts';
import { configFor, spawnRouter } from '../../fakes/spawn-router.ts';
import type { Check, Suite } from '../suite.ts';
import { golang } from '../tools.ts';

const VERSION = 'v2.12.0';
const REQUESTS = 20;
const TOKENS = 30;

interface Toxic {
  readonly name: string;
  readonly toxic?: object;
  /** The proxy itself is switched off. */
  readonly down?: true;
  /** What must come of requests of which half meet it: all answered, or those that had begun to stream are cut. */
  readonly expected: 'answered' | 'answered-or-cut';
}

const TOXICS: readonly Toxic[] = [
  { name: 'none', expected: 'answered' },
  {
    name: 'latency of 300 ± 200 ms',
    toxic: { type: 'latency', attributes: { latency: 300, jitter: 200 } },
    expected: 'answered',
  },
  { name: '20 KB/s', toxic: { type: 'bandwidth', attributes: { rate: 20 } }, expected: 'answered' },
  {
    name: 'slices of 1 to 5 bytes',
    toxic: { type: 'slicer', attributes: { average_size: 3, size_variation: 2, delay: 10 } },
    expected: 'answered',
  },
  {
    name: 'connections that close 1 s late',
    toxic: { type: 'slow_close', attributes: { delay: 1_000 } },
    expected: 'answered',
  },
  { name: 'refused connections', down: true, expected: 'answered' },
  { name: 'a reset at once', toxic: { type: 'reset_peer', attributes: { timeout: 0 } }, expected: 'answered' },
  {
    name: 'a reset after 50 ms',
    toxic: { type: 'reset_peer', attributes: { timeout: 50 } },
    expected: 'answered-or-cut',
  },
  {
    name: 'the end after 600 bytes',
    toxic: { type: 'limit_data', attributes: { bytes: 600 } },
    expected: 'answered-or-cut',
  },
  { name: 'the end after 50 bytes', toxic: { type: 'limit_data', attributes: { bytes: 50 } }, expected: 'answered' },
  {
    name: 'no byte, no end (a black hole)',
    toxic: { type: 'timeout', attributes: { timeout: 0 } },
    expected: 'answered',
  },
];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function api(base: string, method: string, path: string, body?: object): Promise<void> {
  const response = await fetch(`${base}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
  if (!response.ok) throw new Error(`toxiproxy: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

function isWhole(response: RawResponse): boolean {
  if (response.status !== 200 || !response.clean) return false;
  const events = sseEvents(response.body);
  return events.at(-1)?.data === '[DONE]' && events.filter(({ data }) => data.includes('"content"')).length >= TOKENS;
}

function isCutWell(response: RawResponse): boolean {
  return (
    response.status === 200 &&
    !response.clean &&
    (sseEvents(response.body).at(-1)?.data.startsWith('{"error":') ?? false)
  );
}

async function check(base: string, { name, toxic, down, expected }: Toxic): Promise<Check> {
  const engines = await Promise.all([startEngine({}), startEngine({})]);
  const port = await freePort();
  const upstream = new URL(engines[0]!.url).host;
  await api(base, 'POST', '/proxies', { name: 'engine', listen: `127.0.0.1:${port}`, upstream, enabled: true });
  const backends = [`http://127.0.0.1:${port}`, engines[1]!.url].map((url) => ({ url, models: ['tiny-chat'] }));
  const router = await spawnRouter({ config: configFor(backends, { logging: { format: 'json' } }) });
  try {
    if (toxic) await api(base, 'POST', '/proxies/engine/toxics', { stream: 'downstream', ...toxic });
    if (down) await api(base, 'POST', '/proxies/engine', { enabled: false });
    const body = { model: 'tiny-chat', messages: [{ role: 'user', content: 'hi' }], max_tokens: TOKENS, stream: true };
    const answers: RawResponse[] = [];
    const started = performance.now();
    await Promise.all(
      Array.from({ length: REQUESTS }, async () => {
        answers.push(await rawRequest(router.url, { path: '/v1/chat/completions', body }));
      }),
    );
    const whole = answers.filter(isWhole).length;
    const cut = answers.filter(isCutWell).length;
    const rest = answers.filter((answer) => !isWhole(answer) && !isCutWell(answer));
    const ok = whole === REQUESTS || (expected === 'answered-or-cut' && rest.length === 0);
    const others = rest.map((answer) => `${answer.status}${answer.clean ? '' : ' cut'}`).join(', ');
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    const note = `${whole} of ${REQUESTS} streams whole${cut > 0 ? `, ${cut} cut with an error event` : ''}${others && `, ${others}`}; ${seconds} s in all`;
    return { name, ok, note };
  } finally {
    await router.stop('SIGKILL');
    await api(base, 'DELETE', '/proxies/engine');
    await Promise.all(engines.map((engine) => engine.kill()));
  }
}

export const toxiproxy: Suite = {
  name: 'toxiproxy',
  what: 'a bad network in front of one of two engines (https://github.com/Shopify/toxiproxy)',
  run: async ({ log }) => {
    const program = await golang('github.com/Shopify/toxiproxy/v2/cmd/server', VERSION);
    const port = await freePort();
    const child: ChildProcess = spawn(program, ['-host', '127.0.0.1', '-port', String(port)], { stdio: 'ignore' });
    const base = `http://127.0.0.1:${port}`;
    try {
      while (!(await fetch(`${base}/version`).catch(() => undefined))?.ok) {
        if (child.exitCode !== null) throw new Error(`toxiproxy ended with ${child.exitCode}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const checks: Check[] = [];
      for (const toxic of TOXICS) {
        log(toxic.name);
        checks.push(await check(base, toxic));
      }
      const about = `${VERSION}, as a Go module. Each time ${REQUESTS} streams at once with round-robin: half of them meet it first.`;
      return { about, checks };
    } finally {
      child.kill('SIGKILL');
    }
  },
};
