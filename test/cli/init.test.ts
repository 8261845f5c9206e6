import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { type Invocation, parseArgv } from '../../src/cli/argv.ts';
import { runInit } from '../../src/cli/init.ts';
import { loadConfig } from '../../src/config/load.ts';
import { captureIo } from './capture-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'vllm-router-'));
let engine: Server;
let url: string;
let authorization: string | undefined;

before(async () => {
  engine = createServer((request, response) => {
    authorization = request.headers.authorization;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ object: 'list', data: [{ id: 'llama' }, { id: 'a\nb: c' }] }));
  });
  engine.listen(0, '127.0.0.1');
  await once(engine, 'listening');
  url = `127.0.0.1:${(engine.address() as AddressInfo).port}`;
});
after(() => {
  engine.close();
  rmSync(folder, { recursive: true });
});

async function init(args: string[], options: Parameters<typeof captureIo>[0] = {}) {
  const invocation = parseArgv(['init', ...args]);
  assert.ok('command' in invocation, JSON.stringify(invocation));
  const io = captureIo(options);
  const code = await runInit(invocation as Invocation, io);
  return { code, out: io.stdout(), err: io.stderr() };
}

test('it writes a file that the router takes, with what each server serves', async () => {
  const { code, out, err } = await init([url, `http://${url}/`, 'http://127.0.0.1:1', '--output', '-']);
  assert.equal(code, 0);
  const { config, diagnostics } = loadConfig({ files: [{ name: 'router.yaml', text: out }], env: {} });
  assert.deepEqual(diagnostics, []);
  const source = config!.discovery['servers'];
  assert.deepEqual(source?.type === 'static' && source.backends.map((backend) => backend.url), [
    `http://${url}`,
    'http://127.0.0.1:1',
  ]);
  assert.match(out, /# serves llama, a b: c\n/);
  assert.match(out, /127\.0\.0\.1:1 # did not answer\n/);
  assert.match(err, /ECONNREFUSED; it is written all the same/);
});

test('a /v1 at the end, as clients have it, is left out', async () => {
  const { out } = await init([`http://${url}/v1`, `http://${url}/v1/`, '--output', '-']);
  assert.deepEqual(
    parse(out).discovery.servers.backends.map((backend: { url: string }) => backend.url),
    [`http://${url}`],
  );
});

test('a key is sent and named, never written', async () => {
  const { out } = await init([url, '--output', '-', '--key-env', 'ENGINE_KEY'], { env: { ENGINE_KEY: 'sk-1' } });
  assert.equal(authorization, 'Bearer sk-1');
  assert.deepEqual(parse(out).discovery.servers.backends[0].apiKey, { env: 'ENGINE_KEY' });
  assert.ok(!out.includes('sk-1'));
});

test('a file that is there is kept unless --force', async () => {
  const file = join(folder, 'router.yaml');
  writeFileSync(file, 'mine');
  const kept = await init([url, '--output', file]);
  assert.deepEqual([kept.code, readFileSync(file, 'utf8')], [1, 'mine']);
  assert.match(kept.err, /--force replaces it/);
  assert.equal((await init([url, '--output', file, '--force'])).code, 0);
  assert.match(readFileSync(file, 'utf8'), /^version: 1$/m);
});

test('without URLs it asks on a terminal, and is wrong use elsewhere', async () => {
  const { code, out } = await init(['--output', '-'], { terminal: true, answer: ` ${url}, ` });
  assert.equal(code, 0);
  assert.match(out, /serves llama/);
  assert.equal((await init([])).code, 64);
  assert.equal((await init([], { terminal: true, answer: '' })).code, 64);
  assert.equal((await init(['ftp://x:y z'])).code, 64);
});
