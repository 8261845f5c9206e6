import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { sseEvents } from '../fakes/framing.ts';
import { RawClient, rawRequest } from '../fakes/raw-client.ts';
import { relayServer } from './relay-server.ts';

const CHAT = '/v1/chat/completions';
const STREAM =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n';
const LAST = '0\r\n\r\n';
const DONE = 'data: [DONE]\n\n';
const token = (text: string) =>
  `data: {"choices":[{"index":0,"delta":{"content":"${text}"},"finish_reason":null}]}\n\n`;
const finish = (index = 0) => `data: {"choices":[{"index":${index},"delta":{},"finish_reason":"stop"}]}\n\n`;
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const json = (body: string, extra = '') =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${extra}content-length: ${body.length}\r\n\r\n${body}`;

test('a stream goes through with its framing and its bytes, and ends cleanly', async (t) => {
  const body = chunk(token('a')) + chunk(token('b')) + chunk(finish()) + chunk(DONE);
  const { url, results, firstBytes } = await relayServer(t, (socket) => socket.write(STREAM + body + LAST));
  const got = await rawRequest(url, { method: 'POST', path: CHAT });
  assert.equal(got.body.toString(), token('a') + token('b') + finish() + DONE);
  assert.ok(got.clean);
  assert.equal(got.headers['x-request-id'], 'id-1');
  assert.equal(got.headers['request-id'], 'id-1');
  assert.equal((await results[0])?.type, 'streamed');
  assert.deepEqual(firstBytes, [true]);
});

test('any split of a stream into chunks and reads gives the client the same payload', async (t) => {
  const events = [': ping\n\n', token('ü€'), token('x'.repeat(300)), 'event: y\r\ndata: 1\r\n\r\n', finish(), DONE];
  const payload = Buffer.from(events.join(''));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(payload.length), { maxLength: 8 }),
      fc.array(fc.nat(2_000), { maxLength: 6 }),
      async (cuts, reads) => {
        const borders = [0, ...new Set(cuts), payload.length].sort((a, b) => a - b);
        const chunks: Buffer[] = [];
        for (let index = 1; index < borders.length; index++) {
          const data = payload.subarray(borders[index - 1]!, borders[index]!);
          if (data.length > 0) chunks.push(Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n'));
        }
        const wire = Buffer.concat([Buffer.from(STREAM), ...chunks, Buffer.from(LAST)]).toString('latin1');
        const ends = [...new Set(reads.map((read) => read % wire.length)), wire.length].sort((a, b) => a - b);
        const { url } = await relayServer(t, async (socket) => {
          let at = 0;
          for (const end of ends) {
            await new Promise<void>((resolve) => socket.write(wire.slice(at, end), 'latin1', () => resolve()));
            at = end;
          }
        });
        const got = await rawRequest(url, { method: 'POST', path: CHAT });
        assert.ok(got.clean);
        assert.deepEqual(got.body, payload);
      },
    ),
    { numRuns: 60 },
  );
});

test('nothing reaches the client before the first whole event', async (t) => {
  let backend: Socket | undefined;
  const { url, relays } = await relayServer(t, (socket) => {
    backend = socket;
    socket.write(STREAM + chunk(token('a').slice(0, 20)));
  });
  const client = await RawClient.open(url);
  t.after(() => client.destroy());
  client.send(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`);
  while (backend === undefined || relays[0]!.lastByteAt === 0) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(client.received.length, 0);
  assert.equal(relays[0]!.streaming, false);
  backend.write(chunk(token('a').slice(20)) + chunk(finish()) + LAST);
  const got = await client.response();
  assert.equal(got.body.toString(), token('a') + finish());
});

test('fault 7: a stream that dies before its first event has failed, and nothing of it was sent', async (t) => {
  for (const partial of ['', chunk('data: {"cho'), chunk(': ping')]) {
    const { url, results } = await relayServer(t, (socket) => socket.end(STREAM + partial));
    assert.equal((await rawRequest(url, { method: 'POST', path: CHAT })).status, 502);
    assert.deepEqual(await results[0], { type: 'failed', reason: 'truncated' });
  }
});

test('an error as the first event is that status', async (t) => {
  const spaced = 'data: {"error": {"message": "busy", "type": "Service Unavailable", "param": null, "code": 503}}\n\n';
  const cases: [string, string, number][] = [
    [CHAT, spaced, 503],
    [CHAT, spaced.replaceAll(' ', '').replace('data:', 'data: '), 503],
    [CHAT, 'data: {"error":{"message":"no number"}}\n\n', 500],
    [CHAT, 'data: {"error":{"message":"x","code":200}}\n\n', 500],
    ['/v1/messages', 'event: error\ndata: {"type":"error","error":{"type":"internal_error","message":"x"}}\n\n', 500],
  ];
  for (const [path, event, status] of cases) {
    const { url, results } = await relayServer(t, (socket) => socket.write(STREAM + chunk(event) + chunk(DONE) + LAST));
    const got = await rawRequest(url, { method: 'POST', path });
    assert.equal(got.status, status, event);
    assert.equal(typeof JSON.parse(got.body.toString()).error.message, 'string');
    const result = await results[0];
    assert.ok(result?.type === 'answered' && result.answer.inStream);
  }
});

test('a word "error" in the text of the model is no error', async (t) => {
  const text =
    'data: {"choices":[{"index":0,"delta":{"content":"{\\"error\\":{\\"code\\":500}}"},"finish_reason":null}]}\n\n';
  const nested = 'data: {"choices":[{"index":0,"x":{"error":{"code":500}},"finish_reason":"stop"}]}\n\n';
  const { url, results } = await relayServer(t, (socket) => socket.write(STREAM + chunk(text) + chunk(nested) + LAST));
  assert.equal((await rawRequest(url, { method: 'POST', path: CHAT })).status, 200);
  const result = await results[0];
  assert.ok(result?.type === 'streamed' && !result.observer.failed);
});

const CUTS: readonly (readonly [name: string, bytes: string, code: string])[] = [
  ['fault 11: a clean end without a finish_reason', chunk(token('a')) + LAST, 'incomplete_stream'],
  ['the same with [DONE]', chunk(token('a')) + chunk(DONE) + LAST, 'incomplete_stream'],
  ['a clean end inside an event', chunk(token('a')) + chunk('data: {"choi') + LAST, 'incomplete_stream'],
  ['fault 9: a chunk that does not end', chunk(token('a')) + chunk(token('b')).slice(0, -9), 'stream_interrupted'],
  ['a missing last chunk', chunk(token('a')) + chunk(finish()) + chunk(DONE), 'stream_interrupted'],
  ['framing that breaks', `${chunk(token('a'))}xyz\r\n`, 'stream_interrupted'],
];

for (const [name, bytes, code] of CUTS) {
  test(`a broken stream ends with an error event and a cut, never cleanly: ${name}`, async (t) => {
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const { url, results } = await relayServer(t, async (socket) => {
      const first = chunk(token('a'));
      socket.write(STREAM + first);
      // The rest comes once the client has the first event, so that there is something to break.
      await begun;
      socket.end(bytes.slice(first.length));
    });
    const client = await RawClient.open(url);
    client.send(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`);
    await client.until((received) => received.includes('content"'));
    begin();
    const got = await client.response();
    assert.equal(got.clean, false);
    const events = sseEvents(got.body);
    assert.equal(`${got.body}`.slice(-2), '\n\n', 'whole events only');
    assert.equal(JSON.parse(events.at(-1)!.data).error.code, code);
    for (const { data } of events.slice(0, -1)) if (data !== '[DONE]') JSON.parse(data);
    assert.equal((await results[0])?.type, 'broken');
  });
}

test('every choice that was asked for must finish', async (t) => {
  for (const finished of [1, 2]) {
    const ends = Array.from({ length: finished }, (_, index) => finish(index)).join('');
    const wire = STREAM + chunk(token('a')) + chunk(ends) + chunk(DONE) + LAST;
    const { url, results } = await relayServer(t, (socket) => socket.write(wire), { choices: 2 });
    const got = await rawRequest(url, { method: 'POST', path: CHAT });
    assert.equal(got.clean, finished === 2);
    assert.equal((await results[0])?.type, finished === 2 ? 'streamed' : 'broken');
  }
});

test('fault 13: the error event of the engine goes through as it is, and the stream counts as failed', async (t) => {
  const event = 'data: {"error": {"message": "EngineCore encountered an issue.", "code": 500}}\n\n';
  const wire = STREAM + chunk(token('a')) + chunk(event) + chunk(DONE) + LAST;
  const { url, results } = await relayServer(t, (socket) => socket.write(wire));
  const got = await rawRequest(url, { method: 'POST', path: CHAT });
  assert.equal(got.body.toString(), token('a') + event + DONE);
  const result = await results[0];
  assert.ok(result?.type === 'streamed' && result.observer.failed);
});

test('streams of other kinds end in their own way and break in their own way', async (t) => {
  const start = 'event: message_start\ndata: {"type":"message_start"}\n\n';
  const stop = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
  const created = 'event: response.created\ndata: {"type":"response.created","error":null}\n\n';
  const completed = 'event: response.completed\ndata: {"type":"response.completed"}\n\n';
  const cases: [string, string, boolean][] = [
    ['/v1/messages', start + stop, true],
    ['/v1/messages', start, false],
    ['/v1/responses', created + completed, true],
    ['/v1/responses', created, false],
    ['/v1/audio/transcriptions', 'data: {"anything":1}\n\n', true],
  ];
  for (const [path, body, clean] of cases) {
    const { url } = await relayServer(t, (socket) => socket.write(STREAM + chunk(body) + LAST));
    const got = await rawRequest(url, { method: 'POST', path });
    assert.equal(got.clean, clean, path + body);
    if (clean) continue;
    const last = sseEvents(got.body).at(-1)!;
    assert.equal(last.event, 'error');
    assert.equal(JSON.parse(last.data).type, 'error');
  }
});

test('a whole answer is held to its end; cut short it has failed', async (t) => {
  const { url } = await relayServer(t, (socket) => socket.write(json('{"a":1}', 'X-Extra: 1\r\ndate: yesterday\r\n')));
  const got = await rawRequest(url, { method: 'POST', path: CHAT });
  assert.deepEqual([got.status, got.body.toString(), got.framing], [200, '{"a":1}', 'length']);
  assert.deepEqual([got.headers['x-extra'], got.headers['date']], ['1', 'yesterday']);
  const short = await relayServer(t, (socket) => socket.end(json('{"a":1}').slice(0, -1)));
  await rawRequest(short.url, { method: 'POST', path: CHAT });
  assert.deepEqual(await short.results[0], { type: 'failed', reason: 'truncated' });
});

test('a large answer is passed on as it comes; cut short it ends the connection', async (t) => {
  const body = `{"data":"${'x'.repeat(300_000)}"}`;
  for (const cut of [false, true]) {
    for (const framing of ['length', 'chunked'] as const) {
      const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
      const whole =
        framing === 'length'
          ? `${head}content-length: ${body.length}\r\n\r\n${body}`
          : `${head}transfer-encoding: chunked\r\n\r\n${chunk(body.slice(0, 100_000))}${chunk(body.slice(100_000))}${LAST}`;
      const { url, results } = await relayServer(t, (socket) => {
        if (cut) socket.end(whole.slice(0, -50_000));
        else socket.write(whole);
      });
      const got = await rawRequest(url, { method: 'POST', path: '/v1/embeddings' });
      assert.equal(got.clean, !cut);
      assert.equal(got.framing, framing);
      if (!cut) assert.equal(got.body.toString(), body);
      assert.equal((await results[0])?.type, cut ? 'broken' : 'streamed');
    }
  }
});

test('an HTTP/1.0 client gets its stream without chunks, ended by the end of the connection', async (t) => {
  const wire = STREAM + chunk(token('a')) + chunk(finish()) + LAST;
  const { url } = await relayServer(t, (socket) => socket.write(wire));
  const client = await RawClient.open(url);
  client.send(`POST ${CHAT} HTTP/1.0\r\ncontent-length: 0\r\n\r\n`);
  const got = await client.response();
  assert.equal(got.framing, 'eof');
  assert.equal(got.body.toString(), token('a') + finish());
});

test('fault 37: pipelined requests are answered in order, streams too', async (t) => {
  const { url } = await relayServer(t, (socket, request) => {
    if (!request.includes('/slow')) socket.write(STREAM + chunk(token('fast')) + chunk(finish()) + LAST);
    else setTimeout(() => socket.write(json('{"slow":1}')), 50);
  });
  const client = await RawClient.open(url);
  t.after(() => client.destroy());
  client.send(
    `POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\nPOST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`,
  );
  assert.equal((await client.response()).body.toString(), '{"slow":1}');
  assert.equal((await client.response()).body.toString(), token('fast') + finish());
});

test('a pipelined stream that breaks while it waits behind another answer is not ended cleanly', async (t) => {
  let slow: Socket | undefined;
  const { url, results } = await relayServer(t, (socket, request) => {
    if (request.includes('/slow')) slow = socket;
    else socket.end(STREAM + chunk(token('fast')));
  });
  const client = await RawClient.open(url);
  client.send(
    `POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\nPOST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`,
  );
  while (results.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await results[1])?.type, 'broken');
  slow!.write(json('{"slow":1}'));
  assert.equal((await client.response()).body.toString(), '{"slow":1}');
  await client.closed();
  assert.ok(!client.received.toString('latin1').includes('0\r\n\r\n'));
});

test('204 answers have no content-length', async (t) => {
  const { url } = await relayServer(t, (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'));
  const got = await rawRequest(url, { method: 'POST', path: CHAT });
  assert.deepEqual([got.status, got.headers['content-length']], [204, undefined]);
});

test('fault 49: a client that does not read holds the backend back; nothing piles up', async (t) => {
  const event = chunk(`data: {"x":"${'y'.repeat(60_000)}"}\n\n`);
  let written = 0;
  const { url, relays } = await relayServer(t, (socket) => {
    socket.write(STREAM);
    const pump = () => {
      while (written < 1_000 && !socket.destroyed) {
        written++;
        if (!socket.write(event)) {
          socket.once('drain', pump);
          return;
        }
      }
      if (written === 1_000) socket.write(chunk(finish()) + LAST);
    };
    pump();
  });
  const { port } = new URL(url);
  const client = connect({ port: Number(port), host: '127.0.0.1' });
  t.after(() => client.destroy());
  client.write(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`);
  while (!relays[0]?.paused) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(written < 500, `${written} of 1000 events left the backend`);
  let bytes = 0;
  let tail = '';
  await new Promise<void>((resolve) => {
    client.on('data', (data: Buffer) => {
      bytes += data.length;
      tail = (tail + data.toString('latin1')).slice(-LAST.length);
      if (tail === LAST) resolve();
    });
  });
  assert.ok(bytes > 1_000 * event.length);
});

test('fault 50: a client that leaves closes the backend connection at once, before and after the first byte', async (t) => {
  for (const begun of [false, true]) {
    let backend: Socket | undefined;
    const { url, results } = await relayServer(t, (socket) => {
      backend = socket;
      if (begun) socket.write(STREAM + chunk(token('a')));
    });
    const client = await RawClient.open(url);
    client.send(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`);
    if (begun) await client.until((received) => received.includes('content'));
    while (backend === undefined) await new Promise((resolve) => setImmediate(resolve));
    const closed = once(backend, 'close');
    client.destroy();
    await closed;
    assert.deepEqual(await results[0], { type: 'left' });
  }
});

test('a backend may end an attempt from outside: what was sent decides how', async (t) => {
  const { url, relays, results } = await relayServer(t, (socket, request) => {
    if (request.includes(CHAT)) socket.write(STREAM + chunk(token('a')));
  });
  const client = await RawClient.open(url);
  client.send(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`);
  await client.until((received) => received.includes('content'));
  relays[0]!.fail('shutdown');
  const got = await client.response();
  assert.equal(JSON.parse(sseEvents(got.body).at(-1)!.data).error.code, 'server_shutting_down');
  assert.equal(got.clean, false);
  const other = await RawClient.open(url);
  other.send('POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
  while (relays.length < 2) await new Promise((resolve) => setImmediate(resolve));
  relays[1]!.fail('moved');
  assert.deepEqual(await results[1], { type: 'failed', reason: 'moved' });
});
