import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { Exchange } from '../../../src/backends/pool.ts';
import { certificate } from '../../fakes/certificate.ts';
import { loadRecording } from '../../fakes/recording.ts';
import { ReplayEngine } from '../../fakes/replay-engine.ts';
import { exchange, pool, scripted } from './scripted.ts';

const nothing = () => {};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())));
}

const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi';
const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

test('recorded answers come out the same whole, as they were read, and split at every byte', async (t) => {
  for (const name of ['chat', 'chat-stream-usage', 'completion-n2-stream', 'err-unknown-model', 'get-models']) {
    const recording = loadRecording(name);
    const plain = recording.response.includes('transfer-encoding: chunked') ? undefined : recording.response;
    const bodies: string[] = [];
    for (const segments of ['whole', 'reads', 'bytes'] as const) {
      if (segments === 'bytes' && recording.response.length > 4_000) continue;
      const engine = await ReplayEngine.start(() => ({ recording, segments }));
      t.after(() => engine.stop());
      const { head, body, error } = await exchange(pool(t, engine.url));
      assert.equal(error, undefined);
      assert.equal(head?.status, recording.status);
      bodies.push(body.toString('latin1'));
    }
    if (plain) assert.ok(plain.toString('latin1').endsWith(bodies[0]!));
    assert.ok(bodies[0]!.length > 0);
    for (const body of bodies) assert.equal(body, bodies[0], name);
  }
});

test('head and body arrive as they were given, below the path prefix', async (t) => {
  const { url, requests } = await scripted(t, (socket) => socket.write(ANSWER));
  const made = pool(t, `${url}/prefix/`);
  await exchange(made, { method: 'POST', path: '/v1/x?a=b', headerLines: 'x-a: \xe4\r\n', body: Buffer.from('body') });
  assert.equal(
    requests[0],
    `POST /prefix/v1/x?a=b HTTP/1.1\r\nhost: ${new URL(url).host}\r\ncontent-length: 4\r\nx-a: \xe4\r\n\r\nbody`,
  );
});

test('a large body arrives whole', async (t) => {
  const body = Buffer.alloc(3_000_000, 'abc');
  const { url, requests } = await scripted(t, (socket) => socket.write(ANSWER));
  await exchange(pool(t, url), { method: 'POST', body });
  assert.ok(requests[0]!.endsWith(`\r\n\r\n${body.toString('latin1')}`));
});

test('a long body is written in several turns of the event loop, and is sent when the last piece is', async (t) => {
  const { url, requests } = await scripted(t, (socket) => socket.write(ANSWER));
  const made = pool(t, url);
  let turns = 0;
  let answered = false;
  const count = () => {
    turns++;
    if (!answered) setImmediate(count);
  };
  setImmediate(count);
  let sent: Exchange | undefined;
  const body = Buffer.alloc(8 * 2 ** 20 + 5, 'x');
  const answer = exchange(made, { method: 'POST', body }, { started: (begun) => (sent = begun) });
  assert.equal(sent!.bodySent, false);
  assert.equal((await answer).error, undefined);
  answered = true;
  assert.equal(sent!.bodySent, true);
  assert.ok(turns >= 8, `${turns} turns`);
  assert.equal(requests[0]!.length - requests[0]!.indexOf('\r\n\r\n') - 4, body.length);
});

test('a body that is cut off while it is written is free when the socket is closed, not before', async (t) => {
  const { url } = await scripted(t, () => {});
  let sent: Exchange | undefined;
  void exchange(
    pool(t, url),
    { method: 'POST', body: Buffer.alloc(30_000_000) },
    { started: (begun) => (sent = begun) },
  );
  let free = 0;
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      sent!.abort();
      sent!.whenBodyFree(() => {
        free++;
        resolve();
      });
      assert.equal(free, 0);
    });
  });
  sent!.whenBodyFree(() => free++);
  assert.equal(free, 2, 'at once');
});

test('a connection is reused, most recent first, and not after 4 s of idleness', async (t) => {
  let time = 0;
  const { url, sockets } = await scripted(t, (socket) => socket.write(ANSWER));
  const made = pool(t, url, () => time);
  await exchange(made);
  time += 3_999;
  await exchange(made);
  assert.equal(sockets.length, 1);
  time += 4_000;
  await exchange(made);
  assert.equal(sockets.length, 2);
  assert.equal(made.open, 1);
});

test('fault 4: a reused connection that ends without a byte is tried once more, on a fresh one', async (t) => {
  for (const end of ['fin', 'rst'] as const) {
    const { url, requests, sockets } = await scripted(t, (socket, request, connection) => {
      if (request.includes('second') && connection === 1) {
        if (end === 'fin') socket.end();
        else socket.resetAndDestroy();
      } else socket.write(ANSWER);
    });
    const made = pool(t, url);
    await exchange(made);
    const { error, body } = await exchange(made, { path: '/second' });
    assert.equal(error, undefined);
    assert.equal(body.toString(), 'hi');
    assert.equal(requests.length, 3);
    assert.equal(sockets.length, 2);
  }
});

test('fault 3: a fresh connection that ends without a byte is a failure, also behind a stale one', async (t) => {
  const { url, requests } = await scripted(t, (socket, request) => {
    if (request.includes('second')) socket.end();
    else socket.write(ANSWER);
  });
  const made = pool(t, url);
  assert.equal((await exchange(made, { path: '/second' })).error?.reason, 'disconnected');
  await exchange(made);
  assert.equal((await exchange(made, { path: '/second' })).error?.reason, 'disconnected');
  assert.equal(requests.length, 4);
});

test('an engine that dies of a request on a reused connection is not mistaken for a stale connection', async (t) => {
  const { url, server } = await scripted(t, (socket, request) => {
    if (!request.includes('poison')) socket.write(ANSWER);
    else {
      server.close();
      socket.resetAndDestroy();
    }
  });
  const made = pool(t, url);
  await exchange(made);
  assert.equal((await exchange(made, { path: '/poison' })).error?.reason, 'disconnected');
});

test('fault 5: bytes on an idle connection close it; they are never taken for an answer', async (t) => {
  const { url, sockets } = await scripted(t, (socket) => socket.write(ANSWER));
  const made = pool(t, url);
  await exchange(made);
  const closed = once(sockets[0]!, 'close');
  sockets[0]!.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray');
  await closed;
  assert.equal((await exchange(made)).body.toString(), 'hi');
  assert.equal(sockets.length, 2);
});

test('fault 5: bytes behind the end of an answer end the connection, and the answer stands', async (t) => {
  for (const answer of [ANSWER, `${CHUNKED}2\r\nhi\r\n0\r\n\r\n`, 'HTTP/1.1 204 No Content\r\n\r\n']) {
    const { url, sockets } = await scripted(t, (socket) => socket.write(`${answer}HTTP/1.1 200 OK\r\n\r\nstray`));
    const made = pool(t, url);
    assert.equal((await exchange(made)).error, undefined);
    assert.equal((await exchange(made)).error, undefined);
    assert.equal(sockets.length, 2);
  }
});

test('fault 20: 1xx are dropped, an unsolicited 101 is refused', async (t) => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n';
  const { url } = await scripted(t, (socket, request) => {
    const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n';
    socket.write((request.includes('upgrade') ? upgrade : hints) + ANSWER);
  });
  const made = pool(t, url);
  const { head, body } = await exchange(made);
  assert.deepEqual([head?.status, head?.rawHeaders, body.toString()], [200, ['content-length', '2'], 'hi']);
  assert.equal((await exchange(made, { path: '/upgrade' })).error?.reason, 'bad_response');
});

test('fault 19: what is no HTTP as we accept it is bad_response, and its connection ends', async (t) => {
  const bad = [
    'SSH-2.0-OpenSSH_9.2\r\n\r\n',
    '\r\nHTTP/1.1 200 OK\r\n\r\n',
    'HTTP/1.1 200 OK\ncontent-length: 2\n\nhi\r\n\r\n',
    'HTTP/1.1 200 OK\ncontent-length: 2\n\nhi',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
    `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(17 * 1024)}\r\n\r\n`,
    `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(80 * 1024)}`,
    `${CHUNKED}zz\r\n`,
    `${CHUNKED}2\r\nhixx0\r\n\r\n`,
  ];
  for (const answer of bad) {
    const { url, sockets } = await scripted(t, (socket) => socket.write(answer));
    const { error } = await exchange(pool(t, url));
    assert.equal(error?.reason, 'bad_response', answer.slice(0, 60));
    await closed(sockets[0]!);
  }
});

test('fault 10: an answer that is cut short is truncated; one delimited by the connection is not', async (t) => {
  const cases: [string, string | undefined, string][] = [
    ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhi', 'truncated', 'hi'],
    [`${CHUNKED}2\r\nhi\r\n`, 'truncated', 'hi'],
    [`${CHUNKED}5\r\nhi`, 'truncated', 'hi'],
    [`${CHUNKED}2\r\nhi\r\n0\r\n`, 'truncated', 'hi'],
    ['HTTP/1.1 200 OK\r\ncontent-', 'disconnected', ''],
    ['HTTP/1.1 200 OK\r\n\r\nhi', undefined, 'hi'],
    ['HTTP/1.0 200 OK\r\n\r\nhi', undefined, 'hi'],
  ];
  for (const [answer, reason, body] of cases) {
    const { url } = await scripted(t, (socket) => socket.end(answer));
    const got = await exchange(pool(t, url));
    assert.deepEqual([got.error?.reason, got.body.toString()], [reason, body], answer);
  }
  const { url } = await scripted(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\nhi', () => socket.resetAndDestroy());
  });
  assert.equal((await exchange(pool(t, url))).error?.reason, 'truncated');
});

test('fault 1: a refused connect and an unknown name are connect_failed', async (t) => {
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port } = free.address() as { port: number };
  await new Promise((resolve) => free.close(resolve));
  assert.equal((await exchange(pool(t, `http://127.0.0.1:${port}`))).error?.reason, 'connect_failed');
  assert.equal((await exchange(pool(t, 'http://nowhere.invalid:80'))).error?.reason, 'connect_failed');
});

test('fault 2: a connect that takes too long is connect_timeout', async (t) => {
  // A TLS handshake that nobody answers; a SYN that nobody answers cannot be had on loopback.
  const { url } = await scripted(t, () => {});
  const { error } = await exchange(pool(t, url.replace('http:', 'https:')), {}, { connectTimeout: 50 });
  assert.equal(error?.reason, 'connect_timeout');
});

test('abort closes the connection and says nothing more', async (t) => {
  const { url, sockets } = await scripted(t, (socket) => socket.write(`${CHUNKED}2\r\nhi\r\n`));
  let settled = false;
  let sent: Exchange | undefined;
  await new Promise<void>((resolve) => {
    void exchange(pool(t, url), {}, { onBody: resolve, started: (started) => (sent = started) }).then(() => {
      settled = true;
    });
  });
  const closed = once(sockets[0]!, 'close');
  sent!.abort();
  await closed;
  assert.equal(settled, false);
});

test('abort before the connection stands leaves nothing behind', async (t) => {
  const { url, requests } = await scripted(t, (socket) => socket.write(ANSWER));
  const made = pool(t, url);
  void exchange(made, { path: '/aborted' }, { started: (started) => started.abort() });
  await exchange(made);
  assert.ok(!requests.some((request) => request.includes('aborted')));
  assert.equal(made.open, 1);
});

test('a paused answer is read no further, and its connection serves the next request all the same', async (t) => {
  const { url } = await scripted(t, (socket) => socket.write(`${CHUNKED}2\r\nhi\r\n0\r\n\r\n`));
  const made = pool(t, url);
  let sent: Exchange | undefined;
  await exchange(made, {}, { started: (started) => (sent = started), onBody: () => sent!.pause() });
  const { body } = await exchange(made);
  assert.equal(body.toString(), 'hi');
});

test('back-pressure reaches the backend', async (t) => {
  const piece = Buffer.alloc(64 * 1024, 'x');
  let written = 0;
  const { url } = await scripted(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${1_000 * piece.length}\r\n\r\n`);
    const pump = () => {
      while (written < 1_000) {
        written++;
        if (!socket.write(piece)) {
          socket.once('drain', pump);
          return;
        }
      }
    };
    pump();
  });
  let sent: Exchange | undefined;
  let paused = () => {};
  const pausing = new Promise<void>((resolve) => {
    paused = resolve;
  });
  let first = true;
  const done = exchange(
    pool(t, url),
    {},
    {
      started: (started) => (sent = started),
      onBody: () => {
        if (!first) return;
        first = false;
        sent!.pause();
        paused();
      },
    },
  );
  await pausing;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(written < 500, `${written} of 1000 pieces left the backend`);
  sent!.resume();
  assert.equal((await done).body.length, 1_000 * piece.length);
});

test('an answer before the whole request has gone out does not leave the rest in the way of the next', async (t) => {
  // Reads nothing of the body and answers at once.
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.pause();
    socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const made = pool(t, `http://127.0.0.1:${(server.address() as { port: number }).port}`);
  const { head } = await exchange(made, { method: 'POST', body: Buffer.alloc(20_000_000) });
  assert.equal(head?.status, 413);
  await exchange(made);
  assert.equal(sockets.length, 2);
});

test('bytes that come before a small request is written are no answer to it: it goes out on another connection', async (t) => {
  const { url, requests, sockets } = await scripted(t, (socket) => socket.write(ANSWER));
  const made = pool(t, url);
  await exchange(made);
  const [first] = sockets;
  // What waits from here on is written behind the next reads, which find these bytes.
  await new Promise((resolve) => setImmediate(resolve));
  first!.write(ANSWER.replace('hi', 'no'));
  assert.equal((await exchange(made, { method: 'POST', body: Buffer.from('small') })).body.toString(), 'hi');
  await exchange(made);
  assert.equal(sockets.length, 2);
  assert.equal(requests.length, 3);
  await closed(first!);
});

test('TLS: a certificate that nobody vouches for is refused, a trusted one serves', async (t) => {
  const { key, cert } = certificate();
  const { url, requests } = await scripted(t, (socket) => socket.write(`${CHUNKED}2\r\nhi\r\n0\r\n\r\n`), {
    key,
    cert,
  });
  const made = pool(t, url);
  assert.equal((await exchange(made)).error?.reason, 'connect_failed');
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, cert.toString()]);
  t.after(() => setDefaultCACertificates(before));
  assert.equal((await exchange(made)).body.toString(), 'hi');
  assert.equal((await exchange(made)).body.toString(), 'hi');
  assert.equal(requests.length, 2);
  assert.equal(made.open, 1);
});

test('close lets the running exchange end, destroy cuts it', async (t) => {
  let finish: () => void = nothing;
  const { url } = await scripted(t, (socket, request) => {
    if (request.includes('never')) return;
    finish = () => socket.write(ANSWER);
  });
  const made = pool(t, url);
  const running = exchange(made);
  await until(() => finish !== nothing);
  made.close();
  finish();
  assert.equal((await running).body.toString(), 'hi');
  await until(() => made.open === 0);
  const cut = exchange(made, { path: '/never' }, { started: () => setImmediate(() => made.destroy()) });
  assert.equal((await cut).error?.reason, 'disconnected');
});
