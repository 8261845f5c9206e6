import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RawClient } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { HostileEngine } from './hostile-engine.ts';
import type { Answer } from './upstream-answers.ts';

/** What fuzzing has found, each as its smallest case. */
let engine: HostileEngine;
let router: SpawnedRouter;
let answer: Answer;
const BODY = '{"model":"m","stream":true}';
const POST = `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
const EVENT = 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';

before(async () => {
  says('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
  engine = await HostileEngine.start(() => answer, new Map());
  router = await spawnRouter({ config: configFor([{ url: engine.url, models: ['m'] }]) });
});
after(async () => {
  await router?.stop('SIGKILL');
  await engine?.stop();
});

function says(bytes: string, end: Answer['end'] = 'open'): void {
  const rest = { name: '', pause: 0, status: 200, payload: Buffer.alloc(0), complete: true };
  answer = { ...rest, pieces: [Buffer.from(bytes)], end, events: true, finished: true, mangled: false };
}

/** Everything that comes back until the connection ends. */
async function all(bytes: string): Promise<{ text: string; end: string }> {
  const client = await RawClient.open(router.url);
  client.send(bytes);
  const end = await client.closed();
  client.destroy();
  return { text: client.received.toString('latin1'), end };
}

test('bytes behind a request that was refused get no answer of their own', async () => {
  const { text } = await all('GET /health HTTP/1.1\r\nhost: a b\r\n\r\nnot http\r\n\r\n');
  assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 1, text);
});

test('bytes that are no request, sent while an answer is on its way, are not answered in the middle of it', async () => {
  const first = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${EVENT.length.toString(16)}\r\n${EVENT}\r\n`;
  const end = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
  says(first);
  const rest = Buffer.from(`${end.length.toString(16)}\r\n${end}\r\n0\r\n\r\n`);
  answer = { ...answer, pieces: [Buffer.from(first), rest], pause: 300 };
  const client = await RawClient.open(router.url);
  client.send(POST);
  await client.until((received) => received.includes('"a"'));
  client.send('not http\r\n\r\n');
  await client.closed();
  const text = client.received.toString();
  // Behind the whole answer they get the one that is due to them.
  assert.match(text, /\[DONE\]\n\n\r\n0\r\n\r\nHTTP\/1\.1 400 /);
  assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 2, text);
  client.destroy();
});

test('a stream that came with a length has room for its error event, and nothing lies behind its end', async () => {
  const length = EVENT.length + 10;
  says(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ${length}\r\n\r\n${EVENT}`, 'fin');
  const { text } = await all(POST);
  assert.doesNotMatch(text, /content-length/i);
  assert.match(text, /"code":"stream_interrupted"\}\}\n\n\r\n$/);
});

test('to an HTTP/1.0 client a broken answer does not look like a whole one', async () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
  says(`${head}11170\r\n${'x'.repeat(70_000)}\r\n`, 'fin');
  const { end } = await all(POST.replace('HTTP/1.1', 'HTTP/1.0'));
  assert.equal(end, 'rst');
});

test('an answer with two content types goes on with the one that it was read by', async () => {
  const types = 'content-type: application/json\r\ncontent-type: text/html\r\n';
  says(`HTTP/1.1 200 OK\r\n${types}content-length: 2\r\nconnection: close\r\n\r\n{}`, 'fin');
  const client = await RawClient.open(router.url);
  client.send(POST);
  const { rawHeaders } = await client.response('POST');
  client.destroy();
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  assert.equal(names.filter((name) => name === 'content-type').length, 1);
  assert.equal(rawHeaders[names.indexOf('content-type') * 2 + 1], 'application/json');
});
