import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { connectFailure, lostConnection, openSocket } from '../../../src/proxy/upstream/open-socket.ts';

const error = (code: string) => Object.assign(new Error(code), { code });

test('a connection that ends for want of any answer says that the machine is unreachable, not that a process died', () => {
  for (const code of ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']) {
    assert.equal(lostConnection(error(code), true), 'unreachable');
    assert.equal(lostConnection(error(code), false), 'unreachable');
  }
  assert.equal(lostConnection(error('ECONNRESET'), true), 'disconnected');
  assert.equal(lostConnection(undefined, false), 'truncated');
});

test('who cannot be connected to again may have died of the request, unless it is the way there that is gone', () => {
  assert.equal(connectFailure(error('ECONNREFUSED'), false), 'connect_failed');
  assert.equal(connectFailure(error('ECONNREFUSED'), true), 'disconnected');
  assert.equal(connectFailure(error('EHOSTUNREACH'), true), 'connect_failed');
  assert.equal(connectFailure(error('EMFILE'), true), 'no_socket');
});

test('TCP asks whether a silent backend is still there, with TLS too', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const tls of [false, true]) {
    const target = { host: '127.0.0.1', port, tls, lookup: undefined } as unknown as Parameters<typeof openSocket>[0];
    const socket = openSocket(target, { buffer: new Uint8Array(1), callback: () => true });
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    await once(socket, 'connect');
    const hex = (number: number) => `:${number.toString(16).toUpperCase().padStart(4, '0')}`;
    const [local, remote] = [hex(socket.localPort!), hex(port)];
    // Columns: number, local and remote address, state, queues, timer: 2 is keep-alive's. Both ports: one of them may have been another's.
    const timer = () =>
      readFileSync('/proc/net/tcp', 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .find(([, from, to]) => from?.endsWith(local) && to?.endsWith(remote))?.[5];
    // Retransmission's stands there until what was sent is acknowledged.
    while (timer()?.startsWith('01')) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.match(timer()!, /^02:/, tls ? 'with TLS' : 'plain');
  }
});
