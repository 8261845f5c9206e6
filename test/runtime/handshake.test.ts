import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { RouterError } from '../../src/errors.ts';
import { ConnectionCap } from '../../src/runtime/connection-cap.ts';
import { openListener } from './open-listener.ts';

test('who connects for TLS and does not finish the handshake is cut, and counted as too slow', async (t) => {
  const refused: RouterError[] = [];
  const { listener } = await openListener(
    t,
    { name: 'public', serve: ['openai'], secure: true },
    () => {},
    () => false,
    new ConnectionCap(100),
    { headersTimeout: 100 },
    (error) => refused.push(error),
  );
  // The second has begun to say something.
  for (const bytes of ['', '\x16\x03\x01\x02']) {
    const socket = connect({ host: '127.0.0.1', port: listener.address.port });
    t.after(() => socket.destroy());
    socket.write(Buffer.from(bytes, 'latin1'));
    socket.resume();
    await once(socket, 'close');
  }
  assert.deepEqual(
    refused.map(({ code }) => code),
    ['request_timeout', 'request_timeout'],
  );
  // Nothing is left of them.
  await listener.close();
});
