import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startEngine } from '../../src/simulator/engine/engine.ts';
import { VOCABULARIES } from '../../src/simulator/engine/text.ts';
import { sseEvents, streamedText } from '../fakes/framing.ts';
import { RawClient, rawRequest } from '../fakes/raw-client.ts';
import { chatBody, chatRequest, expectedText } from './requests.ts';

describe('generated text', () => {
  it('is made of words of one token', () => {
    for (const words of Object.values(VOCABULARIES)) {
      assert.equal(words.length, 256);
      for (const { text } of words) assert.ok(Buffer.byteLength(text) <= 6, text);
    }
    for (const { text } of VOCABULARIES.ascii) assert.equal(Buffer.byteLength(text), 4);
  });

  for (const text of ['ascii', 'unicode'] as const) {
    it(`can be checked byte by byte, streamed or not, on any engine: ${text}`, async () => {
      const engines = [await startEngine({ text, speed: 20 }), await startEngine({ text, speed: 20, seed: 99 })];
      const more = { max_tokens: 200, n: 2, seed: 7 };
      const expected = [0, 1].map((index) => expectedText(chatBody('hello', more), index, text));
      for (const engine of engines) {
        const streamed = await rawRequest(engine.url, chatRequest('hello', more));
        assert.deepEqual(streamedText(sseEvents(streamed.body)), expected);
        const whole = await rawRequest(engine.url, chatRequest('hello', { ...more, stream: false }));
        const { choices } = JSON.parse(whole.body.toString());
        assert.deepEqual(
          choices.map((choice: { message: { content: string } }) => choice.message.content),
          expected,
        );
        await engine.stop();
      }
    });
  }

  it('joins tokens into one event for a client that reads slowly, and loses none', async () => {
    const engine = await startEngine({ decodeRate: 1e6 });
    // Far more bytes than the sockets' buffers take.
    const tokens = 25_000;
    const more = { max_tokens: tokens, logprobs: true, top_logprobs: 4 };
    const client = await RawClient.open(engine.url);
    client.socket.pause();
    const answer = client.request(chatRequest('slow', more));
    await engine.until(({ counts }) => counts.completed === 1);
    client.socket.resume();
    const events = sseEvents((await answer).body);
    assert.equal(streamedText(events)[0], expectedText(chatBody('slow', more)));
    assert.ok(events.length < tokens, `${events.length} events`);
    client.destroy();
    await engine.stop();
  });
});
