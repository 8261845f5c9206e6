import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { Addresses } from '../../../src/addresses.ts';
import { SocketPool } from '../../../src/proxy/upstream/socket-pool.ts';
import { exchange } from './scripted.ts';

test('under steady traffic connections follow their name to its new address', async (t) => {
  const sockets: Socket[] = [];
  // Who is asked tells which address it was asked at.
  const server = createServer((socket) => {
    sockets.push(socket);
    const body = socket.localAddress!;
    socket.on('error', () => {});
    socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  let at: LookupAddress[] = [{ address: '127.0.0.1', family: 4 }];
  let now = 0;
  const addresses = new Addresses(
    (_, done) => queueMicrotask(() => done(null, at)),
    () => now,
  );
  const { port } = server.address() as { port: number };
  const pool = new SocketPool(`http://engine.test:${port}`, () => performance.now(), addresses);
  t.after(() => pool.destroy());
  const ask = async () => String((await exchange(pool)).body);

  assert.deepEqual([await ask(), await ask(), sockets.length], ['127.0.0.1', '127.0.0.1', 1]);
  at = [{ address: '127.0.0.2', family: 4 }];
  now = 5_000;
  // The request that notices the age of what is known still uses it.
  await ask();
  assert.deepEqual([await ask(), await ask(), sockets.length], ['127.0.0.2', '127.0.0.2', 2]);
});
