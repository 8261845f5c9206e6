import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts, listen } from '../fakes/free-ports.ts';

const BIN = fileURLToPath(new URL('../../bin/vllm-router.js', import.meta.url));

interface Demo {
  readonly child: ChildProcess;
  output: string;
  /** Resolves once the output matches; rejects when the process ends before. */
  until(pattern: RegExp): Promise<void>;
}

function startDemo(...args: string[]): Demo {
  return watch(spawn(process.execPath, [BIN, 'demo', ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** As npm starts it: from a shell, which does not pass signals on. */
function startAsNpm(...args: string[]): Demo {
  const line = `"${process.execPath}" "${BIN}" demo ${args.join(' ')}; exit $?`;
  const env = { ...process.env, npm_lifecycle_event: 'start' };
  return watch(spawn('sh', ['-c', line], { stdio: ['ignore', 'pipe', 'pipe'], env }));
}

function watch(child: ChildProcess): Demo {
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
  const [, page] = /(http:\S+) +its status page/.exec(demo.output)!;
  const shown = await fetch(page!.replace('localhost', '127.0.0.1'));
  assert.match(shown.headers.get('content-type')!, /^text\/html/);
  assert.match(await shown.text(), /<title>vllm-router<\/title>/);
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

test('as npm start: it ends when npm is ended, and names the port as npm wants it', async () => {
  const port = await freePorts(4);
  const flags = ['--port', String(port), '--engine-port', String(port + 1)];
  const demo = startAsNpm(...flags);
  await demo.until(/Ctrl-C ends it/);
  const second = startAsNpm(...flags);
  await once(second.child, 'close');
  assert.match(second.output, /choose another with `npm start -- --port PORT`/);
  demo.child.kill('SIGKILL');
  // The shell is gone at once; what it left behind holds the pipes until it has ended, too.
  await once(demo.child, 'close');
  assert.match(demo.output, /stopped/);
});

test('the status page takes a free port where its own is taken, and the one that is asked for', async () => {
  const port = await freePorts(5);
  const flags = ['--port', String(port), '--engine-port', String(port + 1)];
  const other = await listen(8002);
  const demo = startDemo(...flags);
  await demo.until(/Ctrl-C ends it/);
  assert.match(demo.output, /http:\/\/localhost:(?!8002\b)\d+ +its status page/);
  demo.child.kill('SIGINT');
  await once(demo.child, 'exit');
  const asked = startDemo(...flags, '--admin-port', String(port + 4));
  await asked.until(new RegExp(`http://localhost:${port + 4} +its status page`));
  asked.child.kill('SIGINT');
  await once(asked.child, 'exit');
  if (other !== undefined) await once(other.close(), 'close');
});
