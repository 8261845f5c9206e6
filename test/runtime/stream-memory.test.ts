import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { returnSlab, takeLongSlab, takeSlab } from '../../src/proxy/body-slabs.ts';
import { RawClient } from '../fakes/raw-client.ts';
import type { TestBackend } from '../fakes/spawn-router.ts';
import { eventually } from '../integration/fleet.ts';
import { startRouter } from './in-process.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const EVENT = 'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n';
const ANSWER = '{"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"length"}]}';
const LAST = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

/** An engine that keeps nothing of what it is sent: it begins a stream for each body, and ends them all when it is told to; `whole`: it answers at once. */
async function engine(t: TestContext, whole = false): Promise<{ url: string; more(): void; end(): void }> {
  const streams = new Set<Socket>();
  const server = createServer((socket) => {
    t.after(() => socket.destroy());
    let left = -1;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (left < 0 && bytes.toString('latin1', 0, 4) !== 'POST') {
        socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      let count = bytes.length;
      if (left < 0) {
        const head = bytes.indexOf('\r\n\r\n') + 4;
        left = Number(/content-length: (\d+)/.exec(bytes.toString('latin1', 0, head))![1]);
        count -= head;
      }
      left -= count;
      if (left > 0) return;
      left = -1;
      if (whole) {
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${ANSWER.length}\r\n\r\n${ANSWER}`,
        );
        return;
      }
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
      socket.write(chunk(EVENT));
      streams.add(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const more = () => {
    for (const socket of streams) socket.write(chunk(EVENT));
  };
  const end = () => {
    for (const socket of streams) socket.write(`${chunk(LAST)}0\r\n\r\n`);
    streams.clear();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, more, end };
}

const prompt = (length: number) =>
  Buffer.from(`{"model":"m","stream":true,"messages":[{"role":"user","content":"${'x'.repeat(length)}"}]}`);

/** Opens a stream and waits for its first event; `framed`: with a length, or in chunks, which node:http reads. */
async function open(t: TestContext, url: string, body: Buffer, framed: boolean): Promise<RawClient> {
  const client = await RawClient.open(url);
  t.after(() => client.destroy());
  const length = framed ? `content-length: ${body.length}` : 'transfer-encoding: chunked';
  client.send(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${length}\r\n\r\n`);
  if (!framed) client.send(`${body.length.toString(16)}\r\n`);
  client.send(body);
  if (!framed) client.send('\r\n0\r\n\r\n');
  await client.until((bytes) => bytes.includes('"content"'));
  return client;
}

const contents = (bytes: Buffer) => bytes.toString('latin1').split('"content"').length - 1;

const HEALTH = { health: { interval: '0s' } };
const SHADOWED = [
  {
    name: 'all',
    match: {},
    algorithm: { type: 'prefix-aware' },
    shadow: [{ type: 'prefix-aware' }, { type: 'round-robin' }],
  },
];

/** Opens streams with long prompts at `streaming`, and looks at what they hold. */
async function checkMemory(
  t: TestContext,
  backends: readonly TestBackend[],
  routes: readonly object[],
  streaming: Awaited<ReturnType<typeof engine>>,
  framed: boolean,
): Promise<void> {
  const { url } = await startRouter(t, backends, { defaults: HEALTH, routes });
  const body = prompt(5_000_000);
  const clients: RawClient[] = [];
  const held = async () => {
    // With its first event a stream may begin before the system has told that all of its body has gone.
    streaming.more();
    for (const client of clients) await client.until((bytes) => contents(bytes) > 1);
    // Buffers are freed by another thread, and counted off by the next collection.
    for (let round = 0; round < 3; round++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return process.memoryUsage().arrayBuffers;
  };
  clients.push(await open(t, url, body, framed));
  const before = await held();
  for (let count = 0; count < 8; count++) clients.push(await open(t, url, body, framed));
  // One body may still be in a variable of whoever is at work; eight are 40 MB.
  const grown = (await held()) - before;
  assert.ok(grown < 6_000_000, `${grown} bytes`);
  streaming.end();
  for (const client of clients) assert.match(String((await client.response('POST')).body), /\[DONE\]/);
}

for (const framed of [true, false]) {
  test(`streams that have begun keep no bodies, ${framed ? 'with a length' : 'in chunks'}`, async (t) => {
    const streaming = await engine(t);
    await checkMemory(t, [{ url: streaming.url, models: ['m'] }], SHADOWED, streaming, framed);
  });
}

test('a slab serves the next body as soon as the stream of the one before has begun', async (t) => {
  const { url: backend, end } = await engine(t);
  const { url } = await startRouter(t, [{ url: backend, models: ['m'] }], { defaults: HEALTH, routes: SHADOWED });
  const slab = takeSlab(220_000)!;
  returnSlab(slab);
  const client = await open(t, url, prompt(220_000), true);
  assert.ok(slab.includes('"model":"m"'), 'the body lay in it');
  const again = takeSlab(220_000)!;
  assert.equal(again, slab);
  end();
  assert.match(String((await client.response('POST')).body), /\[DONE\]/);
  assert.notEqual(takeSlab(220_000), slab, 'it has not been returned twice');
});

test('a slab serves the next body once a question about routes is answered, or refused', async (t) => {
  const { url: backend } = await engine(t);
  const { router } = await startRouter(t, [{ url: backend, models: ['m'] }], { defaults: HEALTH });
  const { port } = [...router.listeners].find(({ name }) => name === 'admin')!.address;
  const slab = takeSlab(220_000)!;
  returnSlab(slab);
  for (const [body, status] of [
    [JSON.stringify({ model: 'm', prompt: 'x'.repeat(200_000) }), 200],
    [`{"model":${' '.repeat(200_000)}`, 400],
  ] as const) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`http://127.0.0.1:${port}/admin/route`, { method: 'POST', headers, body });
    assert.equal(answer.status, status);
    const again = takeSlab(220_000)!;
    assert.ok(again === slab, 'it is free again');
    returnSlab(again);
  }
});

/** An engine that closes when the whole of a request of `length` bytes has come; undefined: it reads no more than the beginning. */
async function failing(t: TestContext, length: number | undefined): Promise<{ url: string; requests: number }> {
  const engine = { url: '', requests: 0 };
  const server = createServer((socket) => {
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    let count = 0;
    socket.on('data', (bytes) => {
      if (count === 0 && bytes.toString('latin1', 0, 4) !== 'POST') {
        socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      count += bytes.length;
      if (length !== undefined && count < length) return;
      engine.requests++;
      if (length === undefined) socket.pause();
      else socket.resetAndDestroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  engine.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return engine;
}

const POST = (length: number) =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

test('a body that was being sent when its client left gives its memory back when the socket is closed, not before', async (t) => {
  const engine = await failing(t, undefined);
  const { url } = await startRouter(t, [{ url: engine.url, models: ['m'] }], { defaults: HEALTH });
  const size = 30_000_000;
  const slab = takeLongSlab(size)!;
  returnSlab(slab);
  const client = await RawClient.open(url);
  client.send(POST(prompt(size).length));
  client.send(prompt(size));
  await eventually(async () => engine.requests === 1);
  assert.ok(takeLongSlab(size) !== slab, 'it is being sent');
  client.destroy();
  await eventually(() => takeLongSlab(size) === slab);
  assert.ok(slab.includes('"model":"m"'), 'the body lay in it');
});

test('a body gives its memory back when the engine dies of it', async (t) => {
  const body = prompt(220_000);
  const engines = [await failing(t, body.length), await failing(t, body.length)];
  const backends = engines.map(({ url }) => ({ url, models: ['m'] }));
  const { url } = await startRouter(t, backends, { defaults: HEALTH });
  const slab = takeSlab(body.length)!;
  returnSlab(slab);
  for (let round = 1; round <= 3; round++) {
    const client = await RawClient.open(url);
    client.send(POST(body.length));
    client.send(body);
    const answer = await client.response('POST');
    assert.equal(answer.status, 502, String(answer.body));
    client.destroy();
    const again = takeSlab(body.length)!;
    assert.ok(again === slab, 'it is free again');
    returnSlab(again);
    slab.fill(0);
  }
  assert.equal(engines[0]!.requests + engines[1]!.requests, 6);
});

const IN_ROLES = {
  name: 'all',
  match: {},
  algorithm: {
    type: 'disaggregated-prefill',
    form: 'max-tokens',
    prefill: { where: { role: 'prefill' } },
    decode: { where: { role: 'decode' } },
  },
};

test('the leg that computes the prompt elsewhere keeps no body either', async (t) => {
  const prefill = await engine(t, true);
  const decode = await engine(t);
  const backends = [
    { url: prefill.url, models: ['m'], labels: { role: 'prefill' } },
    { url: decode.url, models: ['m'], labels: { role: 'decode' } },
  ];
  await checkMemory(t, backends, [IN_ROLES], decode, true);
});

test('once the prompt is computed its copy is gone, however long the answer takes', async (t) => {
  const prefill = await engine(t, true);
  let got = 0;
  const decode = createServer((socket) => {
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      got += bytes.length;
    });
  });
  decode.listen(0, '127.0.0.1');
  await once(decode, 'listening');
  t.after(() => decode.close());
  const backends = [
    { url: prefill.url, models: ['m'], labels: { role: 'prefill' } },
    { url: `http://127.0.0.1:${(decode.address() as AddressInfo).port}`, models: ['m'], labels: { role: 'decode' } },
  ];
  const { url } = await startRouter(t, backends, { defaults: HEALTH, routes: [IN_ROLES] });
  const body = prompt(8_000_000);
  const ask = async (count: number) => {
    for (let index = 0; index < count; index++) {
      const client = await RawClient.open(url);
      t.after(() => client.destroy());
      const before = got;
      client.send(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
      );
      client.send(body);
      await eventually(() => got > before + body.length);
    }
    for (let round = 0; round < 3; round++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return process.memoryUsage().arrayBuffers;
  };
  const before = await ask(1);
  const grown = (await ask(8)) - before;
  // Each body itself, in memory for 8 MiB; a copy beside each were 64 MB more.
  assert.ok(grown < 8 * 8 * 2 ** 20 + 16_000_000, `${grown} bytes`);
});
