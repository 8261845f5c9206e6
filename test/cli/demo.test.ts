import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/vllm-router.js', import.meta.url));

async function listen(port: number): Promise<Server | undefined> {
  const server = createServer();
  const free = await Promise.race([
    once(server, 'listening').then(() => true),
    once(server, 'error').then(() => false),
    // Listening is asked for last, so that neither event can be missed.
    new Promise<never>(() => server.listen(port, '127.0.0.1')),
  ]);
  return free ? server : undefined;
}

/** The first of `count` free ports in a row, below those that the system gives to connections. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const servers = await Promise.all(Array.from({ length: count }, (_, i) => listen(first + i)));
    await Promise.all(servers.map((server) => server && once(server.close(), 'close')));
    if (servers.every((server) => server !== undefined)) return first;
  }
}

interface Demo {
  readonly child: ChildProcess;
  output: string;
  /** Resolves once the output matches; rejects when the process ends before. */
  until(pattern: RegExp): Promise<void>;
}

function startDemo(...args: string[]): Demo {
  const child = spawn(process.execPath, [BIN, 'demo', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const demo: Demo = {
    child,
    output: '',
    until: (pattern) =>
      new Promise((done, failed) => {
        const check = () => {
          if (pattern.test(demo.output)) done();
        };
        child.stdout!.on('data', check);
        child.once('exit', () => failed(new Error(`it ended:\n${demo.output}`)));
        check();
      }),
  };
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text) => (demo.output += text));
  return demo;
}

/** What the printed curl commands ask for. */
function printedRequests(output: string): { url: string; body?: string }[] {
  return [...output.matchAll(/^ {2}curl (?:-N )?(\S+)(?: .*\\\n +-d '(.*)')?$/gm)].map(([, url, body]) => ({
    url: url!,
    ...(body !== undefined && { body }),
  }));
}

test('three engines, two models, three commands to try, and a clean end on Ctrl-C', async () => {
  const port = await freePorts(4);
  const demo = startDemo('--port', String(port), '--engine-port', String(port + 1));
  await demo.until(/Ctrl-C ends it/);
  const requests = printedRequests(demo.output);
  assert.equal(requests.length, 3);
  const answers = [];
  for (const { url, body } of requests) {
    const response = await fetch(url.replace('localhost', '127.0.0.1'), {
      ...(body !== undefined && { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
    });
    assert.equal(response.status, 200);
    answers.push(await response.text());
  }
  const [models, chat, stream] = answers as [string, string, string];
  assert.deepEqual(
    JSON.parse(models)
      .data.map((card: { id: string }) => card.id)
      .sort(),
    ['facebook/opt-125m', 'meta-llama/Llama-3.1-8B-Instruct'],
  );
  assert.equal(JSON.parse(chat).choices[0].finish_reason, 'stop');
  assert.ok(stream.split('\n\n').length > 10 && stream.endsWith('data: [DONE]\n\n'));
  const engines = (await (await fetch(`http://127.0.0.1:${port}/engines`)).json()) as unknown[];
  assert.equal(engines.length, 3);

  demo.child.kill('SIGINT');
  const [code] = await once(demo.child, 'exit');
  assert.equal(code, 0, demo.output);
  for (let i = 0; i < 4; i++) await assert.rejects(fetch(`http://127.0.0.1:${port + i}/health`));
});

test('says which port is taken and what to do', async (t) => {
  const port = await freePorts(4);
  for (const [taken, hint] of [
    [port, '--port'],
    [port + 2, '--engine-port'],
  ] as const) {
    const other = (await listen(taken))!;
    t.after(() => other.close());
    const demo = startDemo('--port', String(port), '--engine-port', String(port + 1));
    const [code] = await once(demo.child, 'close');
    assert.equal(code, 1);
    assert.match(demo.output, new RegExp(`^vllm-router demo: port ${taken} is taken; choose \\w+ with ${hint}\n$`));
    await once(other.close(), 'close');
  }
});
