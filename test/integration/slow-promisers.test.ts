import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { certificate } from '../fakes/certificate.ts';
import { RawClient } from '../fakes/raw-client.ts';
import { CHAT, chat, errorOf, eventually, Fleet } from './fleet.ts';

const MIB = 2 ** 20;
const bodyOf = (mib: number) => Buffer.from(JSON.stringify(chat('m', { padding: 'x'.repeat(mib * MIB) })));
/** Three of them have room, and a shorter one. */
const LONG = bodyOf(11);
const SHORTER = bodyOf(5);

/**
 * 40 MiB are for long bodies. What their room is asked for by stands still but for 6 s at each SIGUSR2; to stderr goes who has asked for room
 * with success, and how much has come of each of them.
 */
const PRELOAD = `
  import os from 'node:os';
  import { syncBuiltinESMExports } from 'node:module';
  os.totalmem = () => 160 * 2 ** 20;
  process.memoryUsage.rss = () => 0;
  syncBuiltinESMExports();
  const { BodyBudget } = await import('${new URL('../../src/proxy/body-budget.ts', import.meta.url)}');
  const { reserve } = BodyBudget.prototype;
  const { performance } = globalThis;
  const bodies = new Set();
  let at = 0;
  BodyBudget.prototype.reserve = function (bytes, body) {
    const { now } = performance;
    performance.now = () => at;
    const taken = reserve.call(this, bytes, body);
    performance.now = now;
    if (taken) bodies.add(body);
    return taken;
  };
  process.on('SIGUSR2', () => {
    at += 6_000;
    process.stderr.write('at ' + at + '\\n');
  });
  let said = '';
  setInterval(() => {
    const come = 'come ' + [...bodies].map(({ received }) => received).join(' ');
    if (come !== said) process.stderr.write(come + '\\n');
    said = come;
  }, 10).unref();`;

const pair = certificate();
const tls = { tls: { certFile: pair.certFile, keyFile: pair.keyFile } };
/** Sends on behind the answer that ends it. */
const usual = { host: '127.0.0.1', noDelay: true, allowHalfOpen: true };
const overTcp = (port: number): Socket => connect({ ...usual, port });
const overTls = (port: number): Socket => connectTls({ ...usual, port, ca: pair.cert });

interface Place {
  readonly listener: object;
  readonly open: (port: number) => Socket;
  readonly header: string;
}

const PLACES: readonly (readonly [name: string, place: Place])[] = [
  ['plain', { listener: {}, open: overTcp, header: '' }],
  ['by node:http', { listener: {}, open: overTcp, header: 'connection: keep-alive, te\r\n' }],
  ['with TLS', { listener: tls, open: overTls, header: '' }],
];

async function start(t: TestContext, { listener, open, header }: Place) {
  const listeners = { public: { bind: '127.0.0.1:0', serve: ['openai'], ...listener } };
  const fleet = await Fleet.startFor(t, { m: [{}] }, { listeners }, [], { preload: PRELOAD });
  const { noise } = fleet.router;
  return {
    fleet,
    async begin(framing: string, ...bytes: Buffer[]): Promise<RawClient> {
      const socket = open(Number(new URL(fleet.url).port));
      await once(socket, open === overTls ? 'secureConnect' : 'connect');
      const client = RawClient.on(socket, 'x');
      t.after(() => client.destroy());
      client.send(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${header}${framing}\r\n\r\n`);
      for (const some of bytes) client.send(some);
      return client;
    },
    /** So much has come of those that have, or had, room. */
    come: (...bytes: number[]) =>
      eventually(() => noise.findLast((line) => line.startsWith('come')) === `come ${bytes.join(' ')}`),
    async later(seconds: number): Promise<void> {
      fleet.router.signal('SIGUSR2');
      await eventually(() => noise.includes(`at ${seconds * 1_000}`));
    },
  };
}

const lengthOf = (body: Buffer) => `content-length: ${body.length}`;

async function refused(fleet: Fleet, client: RawClient, status: number, code: string, flag: string): Promise<void> {
  const answer = await client.response();
  assert.deepEqual([answer.status, errorOf(answer).code], [status, code]);
  assert.equal(answer.headers['connection'], 'close');
  const line = await fleet.router.logged(({ request }) => request === answer.headers['x-request-id']);
  assert.equal(line['flag'], flag);
}

async function served(fleet: Fleet, client: RawClient, body: Buffer): Promise<void> {
  assert.equal((await client.response()).status, 200);
  const got = fleet.of('m')[0]!.requests.findLast(({ method }) => method === 'POST');
  assert.ok(got!.body!.equals(body));
  client.destroy();
}

for (const [name, place] of PLACES) {
  test(`fault 62: where long bodies have no room left, the slowest promise makes room and is 408; nobody else is: ${name}`, async (t) => {
    const { fleet, begin, come, later } = await start(t, place);
    const length = lengthOf(LONG);
    const silent = await begin(length, LONG.subarray(0, 2 * MIB));
    await come(2 * MIB);
    const slow = await begin(length, LONG.subarray(0, 2 * MIB));
    await come(2 * MIB, 2 * MIB);
    const steady = await begin(length, LONG.subarray(0, 2 * MIB));
    await come(2 * MIB, 2 * MIB, 2 * MIB);
    const early = await begin(length, LONG.subarray(0, 2 * MIB));
    await refused(fleet, early, 503, 'overloaded', 'OM');

    slow.send(LONG.subarray(2 * MIB, 2.25 * MIB));
    steady.send(LONG.subarray(2 * MIB, 6 * MIB));
    await come(2 * MIB, 2.25 * MIB, 6 * MIB);
    await later(6);
    await served(fleet, await begin(lengthOf(SHORTER), SHORTER), SHORTER);
    assert.deepEqual([silent.received.length, slow.received.length], [0, 0], 'there was room');

    const honest = await begin(length, LONG.subarray(0, 2 * MIB));
    await refused(fleet, silent, 408, 'request_timeout', 'DPE');
    honest.send(LONG.subarray(2 * MIB, LONG.length - 1));
    await come(2 * MIB, 2.25 * MIB, 6 * MIB, SHORTER.length, LONG.length - 1);
    // Its memory is the newcomer's now, whatever else it sends.
    silent.send(Buffer.alloc(2 ** 16, '!'));
    await silent.flushed();
    honest.send(LONG.subarray(LONG.length - 1));
    await served(fleet, honest, LONG);
    assert.notEqual(await silent.closed(), 'open');

    for (const [client, from] of [
      [slow, 2.25 * MIB],
      [steady, 6 * MIB],
    ] as const) {
      client.send(LONG.subarray(from));
      await served(fleet, client, LONG);
    }
  });
}

test('fault 62: a body without a length that stands still makes room, too, and a length makes room for it', async (t) => {
  const { fleet, begin, come, later } = await start(t, PLACES[0]![1]);
  const chunked = 'transfer-encoding: chunked';
  const head = Buffer.from(`${LONG.length.toString(16)}\r\n`);
  const end = Buffer.from('\r\n0\r\n\r\n');
  const beginnings = [10 * MIB, 11 * MIB, 11 * MIB];
  const still: RawClient[] = [];
  for (const bytes of beginnings) {
    still.push(await begin(chunked, head, LONG.subarray(0, bytes)));
    await come(...beginnings.slice(0, still.length));
  }
  // Nearly all of it came at once.
  for (let seconds = 6; seconds <= 60; seconds += 6) await later(seconds);
  const promise = await begin(lengthOf(LONG), LONG.subarray(0, 2 * MIB));
  await refused(fleet, still[0]!, 408, 'request_timeout', 'DPE');
  await come(...beginnings, 2 * MIB);
  for (const seconds of [66, 72]) await later(seconds);
  await served(fleet, await begin(chunked, head, LONG, end), LONG);
  await refused(fleet, promise, 408, 'request_timeout', 'DPE');
  for (const client of still.slice(1)) {
    client.send(Buffer.concat([LONG.subarray(11 * MIB), end]));
    await served(fleet, client, LONG);
  }
});
