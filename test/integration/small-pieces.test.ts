import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { certificate } from '../fakes/certificate.ts';
import { CHAT, chat, Fleet } from './fleet.ts';

const BODY = Buffer.from(JSON.stringify(chat('m', { padding: 'x'.repeat(2 ** 19) })));
const HEAD = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n`;
/** A socket is read in so many bytes at most. */
const READ = 64 * 1024;
/** Of each chunk of one byte. */
const WIRE = 6;

/** Writes to stderr, at each new one, the most pieces of bodies that came in one turn of the event loop. */
const PIECES = `
  const { BodyPieces } = await import('${new URL('../../src/proxy/body-pieces.ts', import.meta.url)}');
  const { add } = BodyPieces.prototype;
  let count = 0;
  let most = 0;
  const look = () => {
    if (count > most) process.stderr.write('pieces ' + (most = count) + '\\n');
    count = 0;
  };
  BodyPieces.prototype.add = function (piece) {
    if (count++ === 0) setImmediate(look);
    add.call(this, piece);
  };`;

const inSingles = (): Buffer => {
  const wire = Buffer.alloc(BODY.length * WIRE, '1\r\n_\r\n');
  for (const [at, byte] of BODY.entries()) wire[at * WIRE + 3] = byte;
  return Buffer.concat([Buffer.from(`${HEAD}transfer-encoding: chunked\r\n\r\n`), wire, Buffer.from('0\r\n\r\n')]);
};

async function statusOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  await once(socket, 'end');
  return text.slice(9, 12);
}

/** Bytes, of the most that the process ever had. */
function peak(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

const start = (t: TestContext, listener: object, preload?: string) =>
  Fleet.startFor(
    t,
    { m: [{}] },
    { listeners: { public: { bind: '127.0.0.1:0', serve: ['openai'], ...listener } } },
    [],
    preload === undefined ? {} : { preload },
  );

const pair = certificate();
const tls = { tls: { certFile: pair.certFile, keyFile: pair.keyFile } };
const LISTENERS = [
  ['plain', {}, (port: number): Socket => connect({ host: '127.0.0.1', port, noDelay: true })],
  ['with TLS', tls, (port: number): Socket => connectTls({ host: '127.0.0.1', port, ca: pair.cert })],
] as const;

for (const [name, listener, open] of LISTENERS) {
  test(`fault 62: a body in chunks of one byte takes memory for its bytes, not for its chunks: ${name}`, {
    skip: existsSync('/proc/self/status') ? false : 'no /proc here',
  }, async (t) => {
    const fleet = await start(t, listener);
    // Its first request takes memory for code.
    const usual = open(Number(new URL(fleet.url).port));
    usual.write(`${HEAD}content-length: ${BODY.length}\r\n\r\n`);
    usual.write(BODY);
    assert.equal(await statusOf(usual), '200');
    const before = peak(fleet.router.pid);
    const socket = open(Number(new URL(fleet.url).port));
    socket.write(inSingles());
    assert.equal(await statusOf(socket), '200');
    assert.ok(fleet.of('m')[0]!.requests.at(-1)!.body!.equals(BODY));
    // With a buffer for each it was 258 MiB.
    const grown = peak(fleet.router.pid) - before;
    assert.ok(grown < 64 * 2 ** 20, `${Math.round(grown / 2 ** 20)} MiB`);
  });

  test(`fault 62: of a body in small chunks one read is taken in a turn, and then it is the turn of others: ${name}`, async (t) => {
    const fleet = await start(t, listener, PIECES);
    const socket = open(Number(new URL(fleet.url).port));
    socket.write(inSingles());
    assert.equal(await statusOf(socket), '200');
    const seen = fleet.router.noise.filter((line) => line.startsWith('pieces ')).map((line) => Number(line.slice(7)));
    assert.ok(seen.length > 0);
    // The first turn may have the read with the head, and another.
    assert.ok(seen.at(-1)! <= (2 * READ) / WIRE, `${seen.at(-1)} pieces`);
  });
}
