import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { type Fault, MALFORMED } from '../../src/simulator/engine/faults.ts';
import { parseResponse, sseEvents } from '../fakes/framing.ts';
import { RawClient, rawRequest, requestBytes, untilRefused } from '../fakes/raw-client.ts';
import { loadRecording } from '../fakes/recording.ts';
import { chatBody, chatRequest, expectedText } from './requests.ts';

const STREAM = chatRequest('hello');
const PLAIN = chatRequest('hello', { stream: false });

describe('faults of a request', () => {
  let engine: Engine;
  before(async () => {
    engine = await startEngine({ speed: 20 });
  });
  afterEach(() => engine.faults.clear());
  after(() => engine.stop());

  const send = async (fault: Fault, request = STREAM): Promise<RawClient> => {
    engine.faults.set(fault);
    const client = await RawClient.open(engine.url);
    client.send(requestBytes(request, client.host));
    return client;
  };

  for (const how of ['fin', 'rst'] as const) {
    it(`cut (${how}) before the head`, async () => {
      const client = await send({ kind: 'cut', at: 'request', how });
      assert.equal(await client.closed(), how);
      assert.equal(client.received.length, 0);
    });

    it(`cut (${how}) after the head`, async () => {
      const client = await send({ kind: 'cut', at: 'headers', how });
      assert.equal(await client.closed(), how);
      const answer = await client.response();
      assert.deepEqual([answer.status, answer.body.length, answer.clean], [200, 0, false]);
    });

    it(`cut (${how}) in mid-stream`, async () => {
      const client = await send({ kind: 'cut', at: 4, how });
      assert.equal(await client.closed(), how);
      const answer = await client.response();
      assert.deepEqual([answer.chunks.length, answer.clean], [4, false]);
      await engine.until(({ running }) => running === 0);
    });

    it(`cut (${how}) in the middle of a plain answer`, async () => {
      const client = await send({ kind: 'cut', at: 1, how }, PLAIN);
      assert.equal(await client.closed(), how);
      const answer = await client.response();
      assert.equal(answer.clean, false);
      assert.ok(answer.body.length > 0 && answer.body.length < Number(answer.headers['content-length']));
    });
  }

  it('silence: not a byte, the connection stays open and the engine sees the client leave', async () => {
    for (const [at, expected] of [
      ['request', /^$/],
      ['headers', /\r\n\r\n$/],
      [2, /\r\n\r\n\r\n$/],
    ] as const) {
      const client = await send({ kind: 'silence', at });
      await engine.until(({ requests }) => requests.at(-1)?.outcome === 'silent');
      // A round trip later, what was going to be sent has been sent.
      await rawRequest(engine.url, { path: '/health' });
      assert.match(client.received.toString('latin1'), at === 2 ? /data: [\s\S]*data: [\s\S]*\n\n\r\n$/ : expected);
      assert.equal(client.end, 'open');
      const { aborted } = engine.counts;
      client.destroy();
      await engine.until(({ counts }) => counts.aborted === aborted + 1);
    }
  });

  it('crash ends a stream as the death of the engine core was recorded, and FINs', async () => {
    const recorded = parseResponse(loadRecording('sig-killcore-stream').response, 'POST', true)!;
    const client = await send({ kind: 'crash', at: 5 });
    assert.equal(await client.closed(), 'fin');
    const answer = await client.response();
    assert.equal(answer.chunks.length, 5 + 2);
    assert.deepEqual(answer.chunks.slice(-2), recorded.chunks.slice(-2));
    assert.ok(answer.clean);
  });

  it('crash of a plain request and of /v1/messages, as recorded', async () => {
    for (const [name, request] of [
      ['sig-killcore-nonstream', PLAIN],
      ['sig-killcore-messages', { ...STREAM, path: '/v1/messages' }],
    ] as const) {
      const recorded = parseResponse(loadRecording(name).response, 'POST', true)!;
      const client = await send({ kind: 'crash', at: name === 'sig-killcore-messages' ? 'headers' : 1 }, request);
      const answer = await client.response();
      assert.equal(await client.closed(), 'fin');
      assert.equal(answer.status, recorded.status);
      assert.deepEqual(answer.body.toString(), recorded.body.toString());
    }
  });

  it('no-done: a clean end without [DONE], after all events or after some', async () => {
    const whole = await (await send({ kind: 'no-done' })).response();
    assert.ok(whole.clean && !whole.body.includes('[DONE]') && whole.body.includes('"finish_reason":"length"'));
    const part = await (await send({ kind: 'no-done', at: 3 })).response();
    assert.deepEqual([part.clean, part.chunks.length], [true, 3]);
  });

  it('abort: finish_reason abort, then [DONE]', async () => {
    const streamed = sseEvents((await (await send({ kind: 'abort', at: 3 })).response()).body);
    assert.equal(JSON.parse(streamed.at(-2)!.data).choices[0].finish_reason, 'abort');
    assert.equal(streamed.at(-1)!.data, '[DONE]');
    const plain = await (await send({ kind: 'abort', at: 3 }, PLAIN)).response();
    assert.equal(JSON.parse(plain.body.toString()).choices[0].finish_reason, 'abort');
  });

  it('error-event 503 is the recorded one; a plain request gets the status', async () => {
    const recorded = parseResponse(loadRecording('err-admission-503-inside-stream-chat').response, 'POST', true)!;
    const client = await send({ kind: 'error-event', status: 503 });
    const streamed = await client.response();
    assert.equal(streamed.status, 200);
    assert.equal(streamed.body.toString(), recorded.body.toString());
    assert.equal(client.end, 'open');
    assert.equal((await (await send({ kind: 'error-event', status: 503 }, PLAIN)).response()).status, 503);
    const died = await (await send({ kind: 'error-event', status: 500 })).response();
    assert.equal(JSON.parse(sseEvents(died.body)[0]!.data).error.code, 500);
  });

  it('status, with Retry-After and a body of choice', async () => {
    const client = await send({ kind: 'status', status: 429, retryAfter: '7', body: '{"error":{}}' });
    const answer = await client.response();
    assert.deepEqual(
      [answer.status, answer.headers['retry-after'], answer.body.toString()],
      [429, '7', '{"error":{}}'],
    );
    for (const status of [500, 502, 503, 504]) {
      assert.equal((await (await send({ kind: 'status', status })).response()).status, status);
    }
  });

  it('early: answered before the body is read', async () => {
    engine.faults.set({ kind: 'status', status: 503, early: true });
    const client = await RawClient.open(engine.url);
    client.send('POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{');
    assert.equal((await client.response()).status, 503);
  });

  it('slow: goes on after that time', async () => {
    for (const at of ['request', 'headers'] as const) {
      const started = performance.now();
      const answer = await (await send({ kind: 'slow', at, ms: 60 })).response();
      assert.ok(performance.now() - started >= 59);
      assert.ok(answer.clean && answer.body.includes('[DONE]'));
    }
  });

  it('reaches what it names: path, body, number, share', async () => {
    engine.faults.set({ kind: 'status', status: 500, count: 2 });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await rawRequest(engine.url, PLAIN)).status);
    assert.deepEqual(statuses, [500, 500, 200]);
    assert.equal((await rawRequest(engine.url, { path: '/health' })).status, 200);

    engine.faults.set({ kind: 'status', status: 500, path: '/health' });
    assert.equal((await rawRequest(engine.url, { path: '/health' })).status, 500);
    assert.equal((await rawRequest(engine.url, PLAIN)).status, 200);

    engine.faults.set({ kind: 'status', status: 500, match: 'POISON' });
    assert.equal((await rawRequest(engine.url, chatRequest('POISON', { stream: false }))).status, 500);
    assert.equal((await rawRequest(engine.url, PLAIN)).status, 200);

    const seen = [];
    for (const seed of [5, 5, 6]) {
      const other = await startEngine({ seed, speed: 20 });
      other.faults.set({ kind: 'status', status: 500, probability: 0.5, path: '/version' });
      let row = '';
      for (let i = 0; i < 20; i++)
        row += (await rawRequest(other.url, { path: '/version' })).status === 500 ? 'x' : '.';
      seen.push(row);
      await other.stop();
    }
    assert.equal(seen[0], seen[1]);
    assert.notEqual(seen[0], seen[2]);
    assert.match(seen[0]!, /x.*\..*|\..*x/);
  });

  for (const how of MALFORMED) {
    it(`malformed: ${how}`, async () => {
      const client = await send({ kind: 'malformed', how }, PLAIN);
      await client.until((received) => received.length > 0);
      if (how === 'early-hints') {
        assert.match(client.received.toString(), /^HTTP\/1.1 103 /);
        const answer = await client.response();
        assert.equal(JSON.parse(answer.body.toString()).choices[0].message.content, expectedText(chatBody('hello')));
      } else if (how === 'garbage' || how === 'bad-status-line' || how === 'short-length') {
        assert.equal(await client.closed(), 'fin');
      } else if (how === 'switching-protocols') {
        assert.match(client.received.toString(), /^HTTP\/1.1 101 /);
        assert.equal(client.end, 'open');
      }
      client.destroy();
    });
  }
});

describe('faults of the engine', () => {
  const started: Engine[] = [];
  const start = async (): Promise<Engine> => {
    const engine = await startEngine({ decodeRate: 2000 });
    started.push(engine);
    return engine;
  };
  afterEach(async () => {
    for (const engine of started.splice(0)) await engine.kill();
  });
  const long = chatRequest('long', { max_tokens: 100_000 });

  it('poison kills the core: every request ends as recorded, health falls, then nothing listens', async () => {
    const engine = await start();
    engine.faults.set({ kind: 'poison', match: 'POISON' });
    const victim = await RawClient.open(engine.url);
    const answer = victim.request(long);
    await victim.until((received) => received.includes('data: '));
    const health = await RawClient.open(engine.url);
    const poison = await rawRequest(engine.url, chatRequest('POISON'));
    assert.equal(poison.status, 500);
    assert.match(poison.body.toString(), /EngineCore encountered an issue/);
    const events = sseEvents((await answer).body);
    assert.equal(JSON.parse(events.at(-2)!.data).error.code, 500);
    assert.equal(events.at(-1)!.data, '[DONE]');
    assert.equal((await health.request({ path: '/health' })).status, 503);
    await health.closed();
    await untilRefused(engine.url);
  });

  it('refuse: new connections fail, a running stream goes on, and it can come back', async () => {
    const engine = await start();
    const client = await RawClient.open(engine.url);
    const answer = client.request(chatRequest('hello', { max_tokens: 100 }));
    await client.until((received) => received.includes('data: '));
    engine.faults.set({ kind: 'refuse' });
    await assert.rejects(RawClient.open(engine.url), /ECONNREFUSED/);
    assert.ok((await answer).clean);
    engine.faults.clear();
    assert.equal((await rawRequest(engine.url, { path: '/health' })).status, 200);
  });

  it('freeze: accepts and says nothing, not even to /health, until it thaws', async () => {
    const engine = await start();
    engine.faults.set({ kind: 'freeze' });
    const health = await RawClient.open(engine.url);
    const chat = await RawClient.open(engine.url);
    const answers = [health.request({ path: '/health' }), chat.request(STREAM)];
    await engine.until(({ counts }) => counts.received === 2);
    assert.deepEqual([health.received.length, chat.received.length], [0, 0]);
    engine.faults.clear();
    assert.deepEqual(
      (await Promise.all(answers)).map(({ status, clean }) => [status, clean]),
      [
        [200, true],
        [200, true],
      ],
    );
  });

  it('pause: healthy, a stream gets its head and then nothing, as recorded', async () => {
    const recorded = parseResponse(loadRecording('chat-while-paused').response)!;
    const engine = await start();
    engine.faults.set({ kind: 'pause' });
    const client = await RawClient.open(engine.url);
    const answer = client.request(STREAM);
    await engine.until(({ waiting }) => waiting === 1);
    assert.equal((await rawRequest(engine.url, { path: '/health' })).status, 200);
    const head = parseResponse(client.received)!;
    assert.equal(head.rawHeaders.length, recorded.rawHeaders.length);
    assert.equal(head.body.length, 0);
    engine.faults.clear();
    assert.ok((await answer).body.includes('[DONE]'));
  });

  it('drain: old requests run on, new ones get the recorded 500, health stays 200', async () => {
    const recorded = parseResponse(loadRecording('drain-new-chat').response)!;
    const engine = await start();
    const client = await RawClient.open(engine.url);
    const answer = client.request(chatRequest('hello', { max_tokens: 100 }));
    await client.until((received) => received.includes('data: '));
    engine.faults.set({ kind: 'drain' });
    const refused = await rawRequest(engine.url, PLAIN);
    assert.equal(refused.status, 500);
    assert.equal(refused.body.toString(), recorded.body.toString());
    assert.equal(refused.headers['x-request-id'], undefined);
    assert.equal((await rawRequest(engine.url, { path: '/health' })).status, 200);
    assert.equal((await rawRequest(engine.url, { path: '/v1/models' })).status, 200);
    assert.ok((await answer).body.includes('[DONE]'));
  });

  it('terminate: the listener goes, live requests hang until their clients leave', async () => {
    const engine = await start();
    const client = await RawClient.open(engine.url);
    client.send(requestBytes(long, client.host));
    await client.until((received) => received.includes('data: '));
    const idle = await RawClient.open(engine.url);
    await idle.request({ path: '/health' });
    const ended = engine.terminate();
    assert.equal(await idle.closed(), 'fin');
    await assert.rejects(RawClient.open(engine.url), /ECONNREFUSED/);
    const size = client.received.length;
    assert.equal(client.end, 'open');
    client.destroy();
    await ended;
    assert.ok(client.received.length >= size);
  });

  it('kill cuts everything without a last chunk', async () => {
    const engine = await start();
    const client = await RawClient.open(engine.url);
    const answer = client.request(long);
    await client.until((received) => received.includes('data: '));
    await engine.kill();
    assert.equal((await answer).clean, false);
    await assert.rejects(RawClient.open(engine.url), /ECONNREFUSED/);
  });
});
