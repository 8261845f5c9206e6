import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { certificate } from '../fakes/certificate.ts';
import { CHAT, chat, eventually, Fleet } from './fleet.ts';

const TLS = certificate();
const CONNECT = 'CONNECT engine:80 HTTP/1.1\r\nhost: engine:80\r\n\r\n';

/** A router that would wait for ten minutes until its last connection has ended; one listener plain, one with TLS. */
async function start(t: TestContext): Promise<Fleet> {
  const { certFile, keyFile } = TLS;
  const serve = ['openai', 'health', 'metrics'];
  const listeners = {
    plain: { bind: '127.0.0.1:0', serve },
    secure: { bind: '127.0.0.1:0', serve, tls: { certFile, keyFile } },
  };
  return Fleet.startFor(t, { m: [{}] }, { listeners, shutdown: { delay: '0s', drain: '10m' } });
}

/** A client that never ends its half of the connection, and what it has received. */
function open(t: TestContext, fleet: Fleet, listener: string, secure = listener === 'secure') {
  const at = { host: '127.0.0.1', port: Number(new URL(fleet.router.urlOf(listener)).port), allowHalfOpen: true };
  const socket: Socket = secure ? connectTls({ ...at, ca: TLS.cert }) : connect(at);
  const client = { socket, text: '' };
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    client.text += bytes;
  });
  t.after(() => socket.destroy());
  return client;
}

const refusals = (fleet: Fleet, listener: string, error: string) =>
  fleet.router.logs.filter((line) => line['listener'] === listener && line['error'] === error);

test('fault 38: who asks for a tunnel, is refused and stays, holds up no drain', async (t) => {
  const fleet = await start(t);
  for (const listener of ['plain', 'secure']) {
    const { socket } = open(t, fleet, listener);
    socket.write(CONNECT);
    await once(socket, 'end');
    // It goes on sending to nobody.
    socket.write('x'.repeat(100_000));
  }
  const exited = once(fleet.router.child, 'exit');
  fleet.router.signal('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});

for (const listener of ['plain', 'secure']) {
  test(`fault 38: a CONNECT behind a request without its answer (${listener}) is not answered in its place`, async (t) => {
    const fleet = await start(t);
    const body = JSON.stringify(chat('m', { stream: true, max_tokens: 100_000 }));
    const head = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n`;
    const client = open(t, fleet, listener);
    // `te` is for `node:http`.
    client.socket.write(`${head}connection: keep-alive, te\r\n\r\n${body}${CONNECT}`);
    await once(client.socket, 'end').catch(() => {});
    assert.doesNotMatch(client.text, / 405 /);
    await eventually(() => fleet.of('m')[0]!.running === 0);
    await eventually(() => refusals(fleet, listener, 'method_not_allowed').length === 1);
    assert.equal((await fleet.line('m'))['flag'], 'DC');
    assert.equal((await fleet.chat('m')).status, 200);
  });
}

test('fault 64: connections that have not asked for anything hold up no drain', async (t) => {
  const fleet = await start(t);
  for (const listener of ['plain', 'secure']) {
    for (const bytes of ['', 'GET /hea']) {
      const { socket } = open(t, fleet, listener);
      await once(socket, listener === 'secure' ? 'secureConnect' : 'connect');
      socket.write(bytes);
    }
    // The router has accepted what came before.
    const last = open(t, fleet, listener);
    last.socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(last.socket, 'data');
  }
  const exited = once(fleet.router.child, 'exit');
  fleet.router.signal('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});

test('handshakes that fail are counted, and have their lines', async (t) => {
  const fleet = await start(t);
  for (const bytes of ['GET /health HTTP/1.1\r\nhost: x\r\n\r\n', '\0'.repeat(100)]) {
    const { socket } = open(t, fleet, 'secure', false);
    socket.write(bytes);
    await once(socket, 'end').catch(() => {});
  }
  // The system's check of a port is no mistake of anybody's.
  const { socket } = open(t, fleet, 'secure', false);
  socket.end();
  await once(socket, 'close');
  await eventually(() => refusals(fleet, 'secure', 'bad_request').length === 2);
  assert.equal(await fleet.count('vllm_router_client_rejects_total', 'bad_request'), 2);
});
