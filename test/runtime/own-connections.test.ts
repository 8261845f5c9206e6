import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ConnectionCap } from '../../src/runtime/connection-cap.ts';
import { openListener } from './open-listener.ts';

/** A listener that forwards nothing, with two connections of its own and no other room. */
async function quiet(t: TestContext, secure: boolean) {
  const cap = new ConnectionCap(0, { spare: 0, own: 2 });
  const held: ServerResponse[] = [];
  const { open } = await openListener(
    t,
    { name: 'admin', serve: ['health'], secure },
    (request, response) => {
      if (request.url === '/held') held.push(response);
      else response.end('healthy');
    },
    () => false,
    { accept: (socket, refused, isIdle) => cap.accept(socket, refused, isIdle, true) },
  );
  return { open, held };
}

/** The first piece of the answer; nothing where the connection ends without one. */
async function ask(socket: Socket, path: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  return new Promise((resolve) => {
    socket.once('data', (bytes) => resolve(String(bytes)));
    socket.once('close', () => resolve(''));
  });
}

for (const secure of [false, true]) {
  test(`idle connections to the router itself make room for a new one${secure ? ', with TLS too' : ''}`, async (t) => {
    let now = performance.now();
    t.mock.method(performance, 'now', () => now);
    const { open, held } = await quiet(t, secure);
    const busy = open();
    const hearing = ask(busy, '/held');
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
    held[0]!.write('a piece');
    assert.match(await hearing, /a piece|200 OK/);
    const idle = open();
    assert.match(await ask(idle, '/health'), /healthy/);
    assert.doesNotMatch(await ask(open(), '/health'), /healthy/, 'each may be about to ask');

    now += 1_001;
    const closed = once(idle, 'close');
    const probe = open();
    assert.match(await ask(probe, '/health'), /healthy/);
    await closed;
    assert.equal(busy.destroyed, false);
    assert.doesNotMatch(await ask(open(), '/health'), /healthy/, 'the one is busy, the other new');
    held[0]!.end();
    assert.match(await ask(probe, '/health'), /healthy/);
  });
}
