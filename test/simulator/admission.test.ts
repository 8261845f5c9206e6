import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { parseResponse, sseEvents } from '../fakes/framing.ts';
import { RawClient, rawRequest, requestBytes } from '../fakes/raw-client.ts';
import { loadRecording } from '../fakes/recording.ts';
import { chatRequest } from './requests.ts';

describe('admission limit', () => {
  let engine: Engine;
  before(async () => {
    engine = await startEngine({ maxQueued: 4, maxNumSeqs: 2 });
  });
  after(() => engine.stop());

  it('rejects as recorded on every API, and n counts each', async () => {
    const clients = await Promise.all([0, 1, 2, 3].map(() => RawClient.open(engine.url)));
    for (const [i, client] of clients.entries()) {
      client.send(requestBytes(chatRequest(`long ${i}`, { max_tokens: 100_000 }), client.host));
      await engine.until(({ load }) => load === i + 1);
    }
    assert.deepEqual([engine.running, engine.waiting], [2, 2]);
    for (const name of [
      '',
      '-stream',
      '-completion-list',
      '-messages',
      '-messages-stream',
      '-responses',
      '-responses-stream',
    ]) {
      const recording = loadRecording(`err-admission-503${name}`);
      const expected = parseResponse(recording.response)!;
      const client = await RawClient.open(engine.url);
      client.send(recording.request);
      const answer = await client.response();
      assert.equal(answer.status, 503, name);
      assert.equal(answer.body.toString(), expected.body.toString());
      assert.equal(answer.headers['retry-after'], undefined);
      client.destroy();
    }
    for (const client of clients) client.destroy();
    await engine.until(({ load }) => load === 0);
    const five = await rawRequest(engine.url, chatRequest('x', { n: 5, stream: false }));
    assert.equal(five.status, 503, 'on an idle engine');
  });

  it('rejects a burst of streams inside of them', async () => {
    // All of them arrive before the first is scheduled.
    const slow = await startEngine({ maxQueued: 4, headerDelay: 400 });
    const clients = await Promise.all(Array.from({ length: 12 }, () => RawClient.open(slow.url)));
    for (const client of clients) client.send(requestBytes(chatRequest('burst', { max_tokens: 100 }), client.host));
    const answers = await Promise.all(clients.map((client) => client.response()));
    const rejected = answers.filter(({ body }) => body.includes('"type": "Service Unavailable"'));
    assert.equal(rejected.length, 8);
    for (const { status, body } of rejected) {
      assert.equal(status, 200);
      assert.deepEqual(sseEvents(body).length, 2);
    }
    for (const client of clients) client.destroy();
    await slow.stop();
  });
});

describe('limits of a prompt', () => {
  it('answers a prompt that is too long as recorded', async () => {
    const engine = await startEngine({ maxModelLen: 2048 });
    const request = { path: '/v1/chat/completions', body: chatRequest('hello '.repeat(2000)).body };
    for (const [path, name] of [
      ['/v1/chat/completions', 'err-prompt-too-long-stream'],
      ['/v1/messages', 'err-messages-too-long'],
    ] as const) {
      const expected = parseResponse(loadRecording(name).response)!;
      const answer = await rawRequest(engine.url, { ...request, path });
      assert.equal(answer.status, 400);
      assert.equal(answer.body.toString(), expected.body.toString());
    }
    await engine.stop();
  });
});
