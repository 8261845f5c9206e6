import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RawClient, rawRequest, requestBytes } from './raw-client.ts';
import { loadRecording } from './recording.ts';
import { ReplayEngine } from './replay-engine.ts';

const REQUEST = { path: '/v1/chat/completions', body: '{"model": "tiny-chat"}' };

describe('replay engine', () => {
  for (const segments of ['whole', 'reads', 'timed', 'bytes'] as const) {
    it(`plays the recorded bytes back: ${segments}`, async () => {
      const recording = loadRecording('chat-stream');
      const engine = await ReplayEngine.start({ recording, segments });
      const answer = await rawRequest(engine.url, REQUEST);
      assert.ok(answer.raw.equals(recording.response));
      assert.ok(answer.clean);
      assert.equal(answer.end, 'open');
      await engine.stop();
    });
  }

  it('ends as recorded, or as told', async () => {
    const engine = await ReplayEngine.start({
      '/fin': 'sig-kill-stream',
      '/rst': { recording: 'chat-stream', bytes: 600, end: 'rst' },
      '/open': 'chat-while-paused',
    });
    for (const how of ['fin', 'rst'] as const) {
      const client = await RawClient.open(engine.url);
      const answer = await client.request({ ...REQUEST, path: `/${how}` });
      assert.deepEqual([answer.clean, answer.end], [false, how]);
    }
    const client = await RawClient.open(engine.url);
    client.send(requestBytes({ ...REQUEST, path: '/open' }, client.host));
    await client.until((received) => received.includes('\r\n\r\n'));
    assert.equal(client.end, 'open');
    const { left } = engine;
    client.destroy();
    await engine.until((replay) => replay.left === left + 1);
    await engine.stop();
  });

  it('keeps the request bytes, several on one connection, and answers by script', async () => {
    const engine = await ReplayEngine.start(({ path }, count) =>
      path === '/gone' ? undefined : { recording: count === 1 ? 'get-version' : 'get-health' },
    );
    const client = await RawClient.open(engine.url);
    assert.equal((await client.request(REQUEST)).body.toString(), '{"version":"0.32.0"}');
    assert.equal((await client.request({ path: '/x' })).status, 200);
    client.send('POST /chunked HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    assert.deepEqual(
      engine.requests.map(({ method, path, connection }) => [method, path, connection]),
      [
        ['POST', '/v1/chat/completions', 1],
        ['GET', '/x', 1],
        ['POST', '/chunked', 1],
      ],
    );
    assert.equal(engine.requests[0]!.body.toString(), REQUEST.body);
    await assert.rejects(client.request({ path: '/gone' }), /connection ended \(fin\)/);
    await engine.stop();
  });
});
