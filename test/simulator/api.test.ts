import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import type { EngineOptions } from '../../src/simulator/engine/options.ts';
import { parseResponse, sseEvents } from '../fakes/framing.ts';
import { RawClient, type RawRequest, rawRequest, requestBytes } from '../fakes/raw-client.ts';
import { loadRecording } from '../fakes/recording.ts';
import { chatBody, chatRequest, expectedText } from './requests.ts';
import { headerShape, streamShape } from './shape.ts';

const started: Engine[] = [];

async function start(options: EngineOptions = {}): Promise<Engine> {
  const engine = await startEngine({ speed: 20, ...options });
  started.push(engine);
  return engine;
}

function form(path: string, fields: Readonly<Record<string, string>>, file: string, data: Buffer): RawRequest {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--bnd\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head = `${parts.join('')}--bnd\r\nContent-Disposition: form-data; name="${file}"; filename="f"\r\n\r\n`;
  return {
    path,
    headers: { 'content-type': 'multipart/form-data; boundary=bnd' },
    body: Buffer.concat([Buffer.from(head), data, Buffer.from('\r\n--bnd--\r\n')]),
  };
}

afterEach(async () => {
  for (const engine of started.splice(0)) await engine.kill();
});

describe('audio, images and classes', () => {
  const sound = Buffer.from([0, 1, 2, 13, 10, 13, 10, 45, 45, 98, 255]);

  it('transcribes a file by its bytes, streamed too', async () => {
    const engine = await start({ kind: 'transcription', models: ['tiny-whisper'] });
    const path = '/v1/audio/transcriptions';
    const first = await rawRequest(engine.url, form(path, { model: 'tiny-whisper' }, 'file', sound));
    const { text, usage } = JSON.parse(first.body.toString());
    assert.deepEqual(usage, { type: 'duration', seconds: 1 });
    assert.ok(text.length > 0);
    const streamed = await rawRequest(
      engine.url,
      form(path, { stream: 'true', stream_include_usage: 'true' }, 'file', sound),
    );
    const recorded = parseResponse(loadRecording('audio-transcription-stream').response)!;
    assert.deepEqual(headerShape(streamed.rawHeaders), headerShape(recorded.rawHeaders));
    // The recorded sine wave had no words: its stream is the end of ours.
    assert.deepEqual(streamShape(streamed.body).slice(-3), streamShape(recorded.body));
    const deltas = sseEvents(streamed.body).slice(0, -2);
    assert.equal(deltas.map(({ data }) => JSON.parse(data).choices[0].delta.content).join(''), text);
    const other = await rawRequest(engine.url, form(path, {}, 'file', Buffer.from('other')));
    assert.notEqual(JSON.parse(other.body.toString()).text, text);
    assert.equal((await rawRequest(engine.url, form('/v1/audio/translations', {}, 'file', sound))).status, 200);
    const unknown = await rawRequest(engine.url, form(path, { model: 'nope' }, 'file', sound));
    const expected = parseResponse(loadRecording('audio-err-transcription-unknown-model').response)!;
    assert.deepEqual([unknown.status, unknown.body.toString()], [404, expected.body.toString()]);
    assert.equal((await rawRequest(engine.url, chatRequest('x'))).body.toString(), '{"detail":"Not Found"}');
  });

  it('speaks and draws', async () => {
    const engine = await start({ kind: 'omni' });
    const speech = await rawRequest(engine.url, {
      path: '/v1/audio/speech',
      body: { model: 'tiny-chat', input: 'hi' },
    });
    assert.equal(speech.headers['content-type'], 'audio/wav');
    assert.equal(speech.body.toString('latin1', 0, 4), 'RIFF');
    assert.equal((await rawRequest(engine.url, { path: '/v1/audio/voices' })).status, 200);
    const images = await rawRequest(engine.url, { path: '/v1/images/generations', body: { prompt: 'a cat', n: 2 } });
    const { data } = JSON.parse(images.body.toString());
    assert.equal(data.length, 2);
    assert.equal(Buffer.from(data[0].b64_json, 'base64').toString('latin1', 1, 4), 'PNG');
    assert.equal((await rawRequest(engine.url, form('/v1/images/edits', { prompt: 'x' }, 'image', sound))).status, 200);
  });

  it('classifies', async () => {
    const engine = await start({ kind: 'classify' });
    const answer = await rawRequest(engine.url, { path: '/classify', body: { input: ['a', 'b'] } });
    const { data } = JSON.parse(answer.body.toString());
    assert.deepEqual([data.length, data[0].probs.length], [2, 2]);
  });
});

describe('what a router needs of an engine', () => {
  it('takes prefill from another engine', async () => {
    const prefill = await start();
    const decode = await start({ prefillRate: 1 });
    const first = await rawRequest(
      prefill.url,
      chatRequest('hello', { stream: false, max_tokens: 1, kv_transfer_params: { do_remote_decode: true } }),
    );
    const { kv_transfer_params } = JSON.parse(first.body.toString());
    assert.equal(kv_transfer_params.do_remote_prefill, true);
    const second = await rawRequest(decode.url, chatRequest('hello', { stream: false, kv_transfer_params }));
    assert.equal(JSON.parse(second.body.toString()).choices[0].message.content, expectedText(chatBody('hello')));
  });

  it('finds an answer in the cache when the next turn carries it', async () => {
    const engine = await start({ blockSize: 4 });
    const text = expectedText(chatBody('first', { max_tokens: 64 }));
    const ask = async (messages: readonly unknown[]) =>
      JSON.parse(
        (await rawRequest(engine.url, chatRequest('', { messages, max_tokens: 64, stream: false }))).body.toString(),
      );
    const first = await ask([{ role: 'user', content: 'first' }]);
    const second = await ask([
      { role: 'user', content: 'first' },
      { role: 'assistant', content: text },
      { role: 'user', content: 'second' },
    ]);
    const { cached_tokens: cached } = second.usage.prompt_tokens_details;
    assert.ok(cached > first.usage.prompt_tokens + 50, `${cached} cached`);
    assert.ok(cached <= first.usage.prompt_tokens + 64);
  });

  it('keeps the prefixes of adapters apart', async () => {
    const engine = await start({ loras: ['lora-a'] });
    const cached = async (model: string) => {
      const answer = await rawRequest(engine.url, chatRequest('p'.repeat(400), { model, stream: false }));
      return JSON.parse(answer.body.toString()).usage.prompt_tokens_details.cached_tokens;
    };
    assert.equal(await cached('tiny-chat'), 0);
    assert.equal(await cached('lora-a'), 0);
    assert.ok((await cached('lora-a')) > 0);
  });

  it('aborts for a client that closes its side only', async () => {
    const engine = await start({ speed: 1 });
    const client = await RawClient.open(engine.url);
    client.send(requestBytes(chatRequest('long', { max_tokens: 100_000 }), client.host));
    await client.until((received) => received.includes('data: '));
    client.socket.end();
    await engine.until(({ running, counts }) => running === 0 && counts.aborted === 1);
    client.destroy();
  });

  it('aborts a plain request whose client leaves, queued or running', async () => {
    const engine = await start({ speed: 1, maxNumSeqs: 1 });
    const clients = await Promise.all([0, 1].map(() => RawClient.open(engine.url)));
    for (const [i, client] of clients.entries()) {
      client.send(requestBytes(chatRequest('long', { max_tokens: 100_000, stream: false }), client.host));
      await engine.until(({ load }) => load === i + 1);
    }
    clients[1]!.destroy();
    await engine.until(({ waiting }) => waiting === 0);
    clients[0]!.reset();
    await engine.until(({ running, counts }) => running === 0 && counts.aborted === 2);
  });

  it('ends an idle connection silently, and says nothing of it before', async () => {
    const engine = await start({ keepAlive: 50 });
    const client = await RawClient.open(engine.url);
    const answer = await client.request({ path: '/health' });
    assert.ok(!('connection' in answer.headers) && !('keep-alive' in answer.headers));
    assert.equal(await client.closed(), 'fin');
    assert.equal(client.received.length, 0);
  });

  it('asleep it is healthy and lists its model, but a stream gets its head and then nothing until it wakes', async () => {
    const engine = await start();
    await rawRequest(engine.url, { method: 'POST', path: '/sleep?level=2' });
    const client = await RawClient.open(engine.url);
    const answer = client.request(chatRequest('hello'));
    await engine.until(({ waiting }) => waiting === 1);
    assert.equal((await rawRequest(engine.url, { path: '/health' })).status, 200);
    assert.match((await rawRequest(engine.url, { path: '/v1/models' })).body.toString(), /tiny-chat/);
    assert.match(client.received.toString('latin1'), /\r\n\r\n$/);
    await rawRequest(engine.url, { method: 'POST', path: '/wake_up' });
    assert.ok((await answer).clean);
    client.destroy();
  });

  it('keeps what it was asked, byte for byte', async () => {
    const engine = await start();
    const body = '{"model":"tiny-chat", "seed": 9007199254740993,"messages":[]}';
    await rawRequest(engine.url, { path: '/v1/chat/completions?x=1', body, headers: { 'X-Request-Id': 'abc' } });
    const [record] = engine.requests;
    assert.equal(record!.body!.toString(), body);
    assert.deepEqual(
      [record!.url, record!.requestId, record!.outcome],
      ['/v1/chat/completions?x=1', 'abc', 'completed'],
    );
  });
});
