import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { type Certificate, certificate } from '../fakes/certificate.ts';
import { freePorts } from '../fakes/free-ports.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { CHAT, chat, eventually } from './fleet.ts';

const MODEL = 'model';
const folder = mkdtempSync(join(tmpdir(), 'tls-'));
const certFile = join(folder, 'tls.crt');
const keyFile = join(folder, 'tls.key');
const [first, second, third] = [certificate('first'), certificate('second'), certificate('third')];
const ca = [first.cert, second.cert, third.cert];
let engine: Engine;
let router: SpawnedRouter;
let port: number;

before(async () => {
  put(first);
  engine = await startEngine({ models: [MODEL] });
  port = await freePorts(1);
  router = await spawnRouter({ config: config(), env: { KEYS: 'alice: k1' } });
});

after(async () => {
  await router?.stop('SIGKILL');
  await engine?.kill();
  rmSync(folder, { recursive: true });
});

/** Replaces both files, each in one step. */
function put({ cert, key }: Pick<Certificate, 'cert' | 'key'>): void {
  for (const [file, bytes] of [
    [certFile, cert],
    [keyFile, key],
  ] as const) {
    writeFileSync(`${file}.new`, bytes);
    renameSync(`${file}.new`, file);
  }
}

function config(listeners: Record<string, unknown> = {}): Record<string, unknown> {
  return configFor([{ url: engine.url, models: [MODEL] }], {
    auth: { team: { type: 'api-key', keys: { env: 'KEYS' } } },
    listeners: {
      public: { bind: '127.0.0.1:0', serve: ['openai'], auth: 'team', tls: { certFile, keyFile } },
      plain: { bind: `127.0.0.1:${port}`, serve: ['openai', 'health'] },
      admin: { bind: '127.0.0.1:0', serve: ['metrics', 'admin'] },
      ...listeners,
    },
    // Certificates are not in the config's directory: the poll finds them.
    reload: { poll: '200ms', debounce: '50ms' },
  });
}

function portOf(listener: string): number {
  return Number(new URL(router.urlOf(listener)).port);
}

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Whose certificate the server showed. */
  readonly name: string;
}

async function open(at: number, agent: Agent | false, body: unknown, key = 'k1'): Promise<IncomingMessage> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
  const sent = request({ host: '127.0.0.1', port: at, path: CHAT, method: 'POST', ca, agent, headers });
  sent.end(JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

async function secure(at = portOf('public'), agent: Agent | false = false, key = 'k1'): Promise<Answer> {
  const response = await open(at, agent, chat(MODEL), key);
  const { subject } = (response.socket as TLSSocket).getPeerCertificate() as PeerCertificate;
  return { status: response.statusCode!, text: await read(response), name: String(subject?.CN) };
}

async function read(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of response) text += part;
  return text;
}

async function successful(): Promise<boolean> {
  const { body } = await rawRequest(router.urlOf('admin'), { path: '/metrics' });
  return body.toString().includes('vllm_router_config_last_reload_successful 1');
}

test('listeners beside each other: one with TLS and keys, one plain and open, one for admin', async () => {
  const { status, name, text } = await secure();
  assert.deepEqual([status, name], [200, 'first']);
  assert.equal(JSON.parse(text).object, 'chat.completion');
  assert.equal((await secure(undefined, false, 'wrong')).status, 401);
  const plain = router.urlOf('plain');
  assert.equal((await rawRequest(plain, { method: 'POST', path: CHAT, body: chat(MODEL) })).status, 200);
  assert.equal((await rawRequest(plain, { path: '/health' })).status, 200);
  assert.equal((await rawRequest(plain, { path: '/metrics' })).status, 404);
  assert.equal((await rawRequest(plain, { path: '/admin/config' })).status, 404);
  const admin = router.urlOf('admin');
  assert.equal((await rawRequest(admin, { path: '/admin/config' })).status, 200);
  assert.equal((await rawRequest(admin, { method: 'POST', path: CHAT, body: chat(MODEL) })).status, 404);
});

test('a stream over TLS arrives whole, and who leaves stops the engine', async () => {
  const whole = await read(await open(portOf('public'), false, chat(MODEL, { stream: true, max_tokens: 20 })));
  assert.match(whole, /data: \[DONE\]\s*$/);
  const left = await open(portOf('public'), false, chat(MODEL, { stream: true, max_tokens: 100_000 }));
  await once(left, 'data');
  left.destroy();
  await eventually(() => engine.requests.at(-1)?.outcome === 'aborted');
});

test('plain HTTP on the port with TLS gets no answer and does no harm', async () => {
  await assert.rejects(rawRequest(`http://127.0.0.1:${portOf('public')}`, { path: '/health' }));
  assert.equal((await secure()).status, 200);
});

test('a new certificate is shown to new connections; open ones and their streams go on', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  assert.equal((await secure(undefined, agent)).name, 'first');
  const stream = await open(portOf('public'), false, chat(MODEL, { stream: true, max_tokens: 300 }));
  await once(stream, 'readable');
  const since = router.logs.length;
  put(second);
  await router.logged(({ msg }) => msg === 'config applied', since);
  const listened = router.logs.slice(since).some(({ msg }) => msg === 'listening');
  assert.equal(listened, false, 'nothing was bound again');
  assert.equal((await secure()).name, 'second');
  assert.equal((await secure(undefined, agent)).name, 'first', 'a connection keeps what it was opened with');
  assert.match(await read(stream), /data: \[DONE\]\s*$/);
  agent.destroy();
});

test('what is no certificate, or not that of the key, is reported and changes nothing', async () => {
  for (const [pair, reason] of [
    [{ cert: Buffer.from('no certificate'), key: second.key }, /PEM|no start line/i],
    [{ cert: third.cert, key: second.key }, /key values mismatch/],
    [{ cert: third.cert.subarray(0, 100), key: third.key }, /PEM|end line/i],
  ] as const) {
    const since = router.logs.length;
    put(pair);
    const line = await router.logged(({ msg }) => reason.test(String(msg)), since);
    assert.match(String(line.msg), /listener "public": certificate .*tls\.crt/);
    assert.equal(await successful(), false);
    assert.equal((await secure()).name, 'second');
  }
  const since = router.logs.length;
  put(third);
  await router.logged(({ msg }) => msg === 'config applied', since);
  assert.equal((await secure()).name, 'third');
  assert.equal(await successful(), true);
});

test('rotation by a swapped link, as kubelet does it', async () => {
  for (const [name, pair] of [['a', first] as const, ['b', second] as const]) {
    const version = mkdtempSync(join(folder, `${name}-`));
    writeFileSync(join(version, 'tls.crt'), pair.cert);
    writeFileSync(join(version, 'tls.key'), pair.key);
    symlinkSync(version, join(folder, `next-${name}`));
  }
  const data = join(folder, '..data');
  renameSync(join(folder, 'next-a'), data);
  const tls = { certFile: join(data, 'tls.crt'), keyFile: join(data, 'tls.key') };
  const changed = config({ public: { bind: '127.0.0.1:0', serve: ['openai'], auth: 'team', tls } });
  assert.equal((await router.reload(changed)).msg, 'config applied');
  assert.equal((await secure()).name, 'first');
  const since = router.logs.length;
  renameSync(join(folder, 'next-b'), data);
  await router.logged(({ msg }) => msg === 'config applied', since);
  assert.equal((await secure()).name, 'second');
});

test('TLS is turned on and off on the same address, and a listener gets another name', async () => {
  const bound = async (listeners: Record<string, unknown>, name: string) => {
    const since = router.logs.length;
    assert.equal((await router.reload(config(listeners))).msg, 'config applied');
    await router.logged(({ msg, listener }) => msg === 'listening' && listener === name, since);
  };
  const bind = `127.0.0.1:${port}`;
  await bound({ plain: { bind, serve: ['openai'], tls: { certFile, keyFile } } }, 'plain');
  assert.equal((await secure(port)).name, 'third');
  await bound({ plain: { bind, serve: ['openai', 'health'] } }, 'plain');
  assert.equal((await rawRequest(`http://${bind}`, { path: '/health' })).status, 200);
  await bound({ plain: undefined, other: { bind: `0.0.0.0:${port}`, serve: ['health'] } }, 'other');
  assert.equal((await rawRequest(`http://${bind}`, { path: '/health' })).status, 200);
  assert.equal((await rawRequest(`http://${bind}`, { method: 'POST', path: CHAT, body: chat(MODEL) })).status, 404);
});

test('a certificate that cannot be used at start: it says which and ends', async () => {
  const bad = { certFile: keyFile, keyFile };
  const listeners = { public: { bind: '127.0.0.1:0', tls: bad } };
  await assert.rejects(
    spawnRouter({ config: configFor([{ url: engine.url }], { listeners }) }),
    /listener \\"public\\": certificate /,
  );
});
