import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ListenerConfig } from '../../src/config/config.ts';
import { RouterError } from '../../src/errors.ts';
import { readBody } from '../../src/pipeline/read-body.ts';
import { asRouterError, sendError } from '../../src/pipeline/respond.ts';
import { returnSlab } from '../../src/proxy/body-slabs.ts';
import { adoptSocket } from '../../src/proxy/client/adopt-socket.ts';
import { PlainRequest } from '../../src/proxy/client/plain-request.ts';
import { ConnectionCap } from '../../src/runtime/connection-cap.ts';
import { Listener } from '../../src/runtime/listener.ts';
import { RawClient } from '../fakes/raw-client.ts';

const CONFIG: ListenerConfig = {
  name: 'public',
  host: '127.0.0.1',
  port: 0,
  serve: ['openai'],
  maxBodySize: 64 * 1024 * 1024,
  allowExplain: false,
};

/** Answers each POST with the hash of its body and who read it. */
async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const by = (request as unknown) instanceof PlainRequest ? 'plain' : 'node';
  try {
    if (request.headers['x-refuse'] !== undefined) throw new RouterError('unauthorized');
    if (request.headers['x-hang'] !== undefined) return;
    const { body, slab } = await readBody(request, response, CONFIG.maxBodySize);
    if (request.headers['x-slow'] !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    const answer = Buffer.from(`${by} ${body.length} ${hash(body)}`);
    if (slab !== undefined) returnSlab(slab);
    response.writeHead(200, { 'content-length': answer.length });
    response.end(answer);
  } catch (error) {
    if (!request.complete) response.setHeader('connection', 'close');
    sendError(response, asRouterError(error), 'id');
  }
}

const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const told = (bytes: Buffer, by = 'plain') => `${by} ${bytes.length} ${hash(bytes)}`;

async function listen(t: TestContext, times = {}, handle = echo): Promise<string> {
  const listener = new Listener(
    CONFIG,
    (request, response) => void handle(request, response),
    (path) => path === '/v1/x',
    new ConnectionCap(100),
    times,
  );
  await listener.open();
  t.after(() => listener.destroy());
  return `http://127.0.0.1:${listener.address.port}`;
}

function post(body: Buffer | string, more = '', path = '/v1/x'): Buffer {
  const bytes = Buffer.from(body);
  const head = `POST ${path} HTTP/1.1\r\nhost: x\r\n${more}content-length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

async function open(t: TestContext, url: string): Promise<RawClient> {
  const client = await RawClient.open(url);
  t.after(() => client.destroy());
  return client;
}

const text = async (client: RawClient, method = 'POST') => String((await client.response(method)).body);

test('plain requests are served one after the other on one connection', async (t) => {
  const client = await open(t, await listen(t));
  for (const body of ['', 'a', 'b'.repeat(3_000)]) {
    client.send(post(body));
    assert.equal(await text(client), told(Buffer.from(body)));
  }
});

test('bodies of any size arrive byte for byte, however they are cut', async (t) => {
  const url = await listen(t);
  for (const size of [40_000, 70_000, 220_000, 1_500_000, 5_000_000]) {
    const body = randomBytes(size);
    const client = await open(t, url);
    const bytes = post(body);
    const cuts = [0, 100, 200 + Math.floor(size / 3), bytes.length];
    for (let index = 1; index < cuts.length; index++) {
      client.send(bytes.subarray(cuts[index - 1], cuts[index]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(await text(client), told(body), `${size} bytes`);
    client.send(post(body));
    assert.equal(await text(client), told(body), `${size} bytes again`);
  }
});

test('anything else goes to node:http, and the connection with it', async (t) => {
  const client = await open(t, await listen(t));
  client.send(post('one'));
  assert.equal(await text(client), told(Buffer.from('one')));
  client.send('POST /v1/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n');
  assert.equal(await text(client), told(Buffer.from('two'), 'node'));
  client.send(post('three'));
  assert.equal(await text(client), told(Buffer.from('three'), 'node'));
  client.send(post('four', '', '/other'));
  assert.equal(await text(client), told(Buffer.from('four'), 'node'));
});

test('a head that comes in two reads goes to node:http', async (t) => {
  const client = await open(t, await listen(t));
  const bytes = post('body');
  client.send(bytes.subarray(0, 20));
  await new Promise((resolve) => setTimeout(resolve, 20));
  client.send(bytes.subarray(20));
  const answer = await text(client);
  assert.equal(answer.replace(/^(?:plain|node) /, ''), told(Buffer.from('body')).slice(6));
});

test('requests sent at once are answered in order, by whoever may read them', async (t) => {
  const client = await open(t, await listen(t));
  const chunked = 'POST /v1/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n';
  client.send(Buffer.concat([post('a'), post('b'), Buffer.from(chunked), post('d')]));
  assert.equal(await text(client), told(Buffer.from('a')));
  assert.equal(await text(client), told(Buffer.from('b')));
  assert.equal(await text(client), told(Buffer.from('c'), 'node'));
  assert.equal(await text(client), told(Buffer.from('d'), 'node'));
});

test('a client that goes on sending while it is answered is held back, and loses nothing', async (t) => {
  const client = await open(t, await listen(t));
  const body = randomBytes(2_000);
  const count = 200;
  client.send(Buffer.concat(Array.from({ length: count }, (_, at) => post(body, at === 0 ? 'x-slow: 1\r\n' : ''))));
  for (let index = 0; index < count; index++) assert.equal(await text(client), told(body), `answer ${index}`);
});

test('a refusal before the body is read ends the connection behind the answer', async (t) => {
  const client = await open(t, await listen(t));
  const bytes = post('x'.repeat(100_000), 'x-refuse: 1\r\n');
  client.send(bytes.subarray(0, 5_000));
  assert.equal((await client.response('POST')).status, 401);
  assert.notEqual(await client.closed(), 'open');
});

test('a client that leaves or closes its half ends its request', async (t) => {
  const gone = Promise.withResolvers<void>();
  const url = await listen(t, {}, async (_request, response) => {
    response.once('close', gone.resolve);
  });
  const client = await open(t, url);
  client.send(post('x', 'x-hang: 1\r\n'));
  client.socket.end();
  await gone.promise;
  await client.closed();
});

test('who says nothing is told so, who stays idle is closed, and a slow body is 408', async (t) => {
  const times = { connectionsCheckingInterval: 20, headersTimeout: 100, requestTimeout: 200, keepAliveTimeout: 100 };
  const url = await listen(t, times);
  const silent = await open(t, url);
  assert.equal((await silent.response()).status, 408);
  await silent.closed();
  const idle = await open(t, url);
  idle.send(post('x'));
  assert.equal(await text(idle), told(Buffer.from('x')));
  await idle.closed();
  const slow = await open(t, url);
  slow.send(post('x'.repeat(50)).subarray(0, -10));
  assert.equal((await slow.response('POST')).status, 408);
});

test('a client that does not take its answer is cut; one that takes it is not', async (t) => {
  const times = { connectionsCheckingInterval: 20, headersTimeout: 200, requestTimeout: 200 };
  const answer = Buffer.alloc(30_000_000, 'a');
  const url = await listen(t, times, async (_request, response) => {
    response.writeHead(200, { 'content-length': answer.length });
    response.end(answer);
  });
  const ask = (paused: boolean): Promise<number> => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let bytes = 0;
    if (paused) socket.pause();
    socket.on('data', (piece) => {
      bytes += piece.length;
      if (bytes > answer.length) socket.destroy();
    });
    if (paused) socket.pause();
    socket.write(post('x'));
    socket.on('error', () => {});
    // Its answer fills the buffers of the system, and then nothing moves.
    if (paused) setTimeout(() => socket.resume(), 800);
    return new Promise((resolve) => socket.once('close', () => resolve(bytes)));
  };
  const [stuck, reading] = await Promise.all([ask(true), ask(false)]);
  assert.ok(stuck < answer.length, `${stuck} bytes`);
  assert.ok(reading > answer.length, `${reading} bytes`);
});

test('what comes for a request that was given up does not reach the memory of another', async (t) => {
  const times = { connectionsCheckingInterval: 20, headersTimeout: 60, requestTimeout: 60 };
  const url = await listen(t, times);
  const late = await open(t, url);
  const bad = post(Buffer.alloc(200_000, 'B'));
  late.send(bad.subarray(0, 50_000));
  assert.equal((await late.response('POST')).status, 408);
  const good = Buffer.alloc(200_000, 'g');
  const client = await open(t, url);
  const bytes = post(good);
  client.send(bytes.subarray(0, 100_000));
  late.send(bad.subarray(50_000));
  await new Promise((resolve) => setImmediate(resolve));
  client.send(bytes.subarray(100_000));
  assert.equal(await text(client), told(good));
});

test('a socket that cannot be adopted stays as it is', () => {
  const socket = new Socket();
  assert.equal(adoptSocket(socket, { next: () => undefined, read: () => true }), undefined);
  assert.equal(socket.destroyed, false);
});

test('a listener that closes ends what is idle, and the others with their answers', async (t) => {
  const answer = Promise.withResolvers<void>();
  const listener = new Listener(
    CONFIG,
    async (request, response) => {
      await answer.promise;
      void echo(request, response);
    },
    () => true,
    new ConnectionCap(100),
  );
  await listener.open();
  t.after(() => listener.destroy());
  const url = `http://127.0.0.1:${listener.address.port}`;
  const idle = await open(t, url);
  const busy = await open(t, url);
  busy.send(post(''));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const closed = listener.close();
  await idle.closed();
  answer.resolve();
  await busy.closed();
  await closed;
});
