import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { BodyBudget, bodyBudget } from '../../src/proxy/body-budget.ts';
import { RawClient } from '../fakes/raw-client.ts';
import { CHAT, chat, eventually } from '../integration/fleet.ts';
import { startRouter } from '../runtime/in-process.ts';

const body = Buffer.from(JSON.stringify(chat('m', { padding: 'x'.repeat(12 * 2 ** 20) })));
const aliased = Buffer.from(JSON.stringify(chat('other', { padding: 'x'.repeat(12 * 2 ** 20) })));

const hex = (bytes: Buffer) => Buffer.from(`${bytes.length.toString(16)}\r\n`);
/** What comes after the head, by how it is framed. */
const FRAMINGS: readonly (readonly [name: string, header: string, framed: (bytes: Buffer) => Buffer])[] = [
  ['plain', '', (bytes) => bytes],
  ['by node:http', 'connection: keep-alive, te\r\n', (bytes) => bytes],
  ['in chunks', '', (bytes) => Buffer.concat([hex(bytes), bytes, Buffer.from('\r\n0\r\n\r\n')])],
];

/** An engine that takes connections and, where it `reads`, what comes on them, and never answers a POST. */
async function silent(t: TestContext, reads: boolean): Promise<{ url: string; got(): number }> {
  const sockets = new Set<Socket>();
  let got = 0;
  const server = createServer({ pauseOnConnect: !reads }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      got += bytes.length;
    });
    if (!reads) socket.pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got: () => got };
}

test('clients that leave in any phase of a long body give all of its room back', async (t) => {
  const reading = await silent(t, true);
  const deaf = await silent(t, false);
  const backends = [
    { url: reading.url, models: ['m'] },
    { url: deaf.url, models: ['deaf'] },
  ];
  const defaults = { health: { interval: '0s' } };
  const { url } = await startRouter(t, backends, { defaults, models: { aliases: { other: 'm' } } });
  assert.equal(bodyBudget.held, 0);
  for (const [name, header, framed] of FRAMINGS) {
    const begin = async (bytes: Buffer, share: number) => {
      const client = await RawClient.open(url);
      const length = framed(bytes) === bytes ? `content-length: ${bytes.length}` : 'transfer-encoding: chunked';
      client.send(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${length}\r\n${header}\r\n`);
      const all = framed(bytes);
      client.send(all.subarray(0, share * all.length));
      return client;
    };
    const leaves = async (phase: string, client: RawClient) => {
      client.reset();
      await eventually(() => bodyBudget.held === 0).catch(() => assert.fail(`${name}, ${phase}: ${bodyBudget.held}`));
    };
    const part = await begin(body, 0.5);
    await eventually(() => bodyBudget.held > 2 ** 20);
    await leaves('half a body', part);

    const before = reading.got();
    const whole = await begin(body, 1);
    await eventually(() => reading.got() >= before + body.length);
    assert.equal(bodyBudget.held, body.length, 'it may be sent again');
    await leaves('sent to an engine', whole);

    const between = reading.got();
    const edited = await begin(aliased, 1);
    await eventually(() => reading.got() >= between + body.length);
    await leaves('an edited copy sent', edited);

    const stuck = await begin(Buffer.from(body.toString().replace('"m"', '"deaf"')), 1);
    await eventually(() => bodyBudget.held > body.length);
    await leaves('to an engine that reads nothing', stuck);
  }
});

test('what is no JSON, too long or no longer HTTP gives its room back, too', async (t) => {
  const { url } = await startRouter(t, [{ url: (await silent(t, true)).url, models: ['m'] }]);
  const head = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
  const wrong = Buffer.alloc(5 * 2 ** 20, '[');
  const piece = Buffer.concat([hex(wrong), wrong, Buffer.from('\r\n')]);
  const cases: readonly (readonly [status: number, bytes: readonly (string | Buffer)[]])[] = [
    [400, [`${head}content-length: ${wrong.length}\r\n\r\n`, wrong]],
    [400, [`${head}connection: keep-alive, te\r\ncontent-length: ${wrong.length}\r\n\r\n`, wrong]],
    [400, [`${head}transfer-encoding: chunked\r\n\r\n`, piece, '0\r\n\r\n']],
    [400, [`${head}transfer-encoding: chunked\r\n\r\n`, piece, 'no chunk\r\n']],
    [413, [`${head}transfer-encoding: chunked\r\n\r\n`, ...Array(7).fill(piece)]],
  ];
  for (const [status, bytes] of cases) {
    const client = await RawClient.open(url);
    for (const some of bytes) client.send(some);
    assert.equal((await client.response()).status, status);
    await eventually(() => bodyBudget.held === 0);
    client.destroy();
  }
});

/** A body that gives back what it has when it is evicted. */
function bodyIn(budget: BodyBudget, evicted: unknown[] = []) {
  const body = { slab: undefined, reserved: 0, received: 0, take, evict };
  function take(bytes: number): boolean {
    const taken = budget.reserve(bytes, body);
    if (taken) body.reserved += bytes;
    return taken;
  }
  function evict(): void {
    evicted.push(body);
    budget.forget(body);
    budget.giveBack(body.reserved);
    body.reserved = 0;
  }
  return body;
}

test('there is room for one body, however little memory there is', () => {
  const budget = new BodyBudget();
  budget.configure(100, 70);
  const [one, other] = [bodyIn(budget), bodyIn(budget)];
  assert.ok(one.take(70));
  assert.ok(!other.take(1));
  one.evict();
  budget.configure(400, 70);
  assert.ok(one.take(100));
  assert.ok(!other.take(1));
});

test('where room is short, of those that have been slow for 5 s the slowest go, as many as it takes', () => {
  const MIB = 2 ** 20;
  let now = 0;
  const evicted: unknown[] = [];
  const budget = new BodyBudget(() => now);
  budget.configure(400 * MIB, 0);
  const [slow, silent, fast, complete] = Array.from({ length: 4 }, () => bodyIn(budget, evicted));
  // What came before it had room says nothing of it.
  silent!.received = 50 * MIB;
  for (const body of [slow!, silent!, fast!, complete!]) assert.ok(body.take(20 * MIB));
  budget.forget(complete!);
  const young = bodyIn(budget, evicted);
  now = 1;
  assert.ok(young.take(20 * MIB));
  const newcomer = bodyIn(budget, evicted);
  assert.ok(!newcomer.take(1), 'nobody has been here long enough');
  now = 5_000;
  slow!.received = MIB;
  fast!.received = 2 * MIB;
  assert.ok(!newcomer.take(41 * MIB), 'two of them are slow');
  assert.deepEqual(evicted, []);
  budget.shut = true;
  assert.ok(!newcomer.take(MIB), 'at the end of its memory it takes nothing new, whoever leaves');
  assert.deepEqual(evicted, []);
  budget.shut = false;
  assert.ok(newcomer.take(20 * MIB));
  assert.ok(evicted.length === 1 && evicted[0] === silent);
  assert.ok(!slow!.take(MIB), 'nobody makes room for itself');
  const last = bodyIn(budget, evicted);
  now = 5_001;
  assert.ok(last.take(21 * MIB));
  assert.deepEqual(
    evicted.map((body) => [slow, silent, fast, complete, young].indexOf(body as typeof slow)),
    [1, 4, 0],
  );
  assert.equal(budget.held, 81 * MIB);
});
