import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RawClient } from '../fakes/raw-client.ts';
import { CHAT, errorOf, eventually, Fleet } from './fleet.ts';

let fleet: Fleet;

before(async () => {
  const fast = { decodeRate: 20_000 };
  const routes = [
    { name: 'unread', match: { models: ['unread'] }, timeouts: { idle: '1s' } },
    { name: 'rest', match: {} },
  ];
  fleet = await Fleet.start({ m: [{}], unread: [fast, fast] }, { routes });
});
after(() => fleet.stop());

/** Beginnings of requests, and how many ms the rest may take. */
const BEGINNINGS: readonly (readonly [name: string, bytes: string, limit: number])[] = [
  ['nothing', '', 10_000],
  ['half a head', `POST ${CHAT} HTTP/1.1\r\nhost: x\r\n`, 10_000],
  [
    'half a body',
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 40\r\n\r\n{"model":"m"`,
    60_000,
  ],
  [
    'half a body in chunks',
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nc\r\n{"model":"m"\r\n`,
    60_000,
  ],
];

async function slow(bytes: string, limit: number): Promise<void> {
  // Before the router can have accepted it.
  const started = performance.now();
  const client = await RawClient.open(fleet.url);
  client.send(bytes);
  const answer = await client.response();
  const took = performance.now() - started;
  assert.deepEqual([answer.status, errorOf(answer).code], [408, 'request_timeout']);
  assert.equal(answer.headers['connection'], 'close');
  await client.closed();
  // Looked at each second; the rest is for a machine that is busy.
  assert.ok(took > limit - 500 && took < limit + 15_000, `${took} ms of ${limit}`);
}

test('fault 49: clients that read nothing are cut after the idle time; what they do not read stays at the engine', async () => {
  const memory = () => fleet.count('process_resident_memory_bytes');
  const [a, b] = fleet.of('unread');
  const running = () => a!.running + b!.running;
  const idle = await memory();
  const clients = await Promise.all(
    Array.from({ length: 10 }, () => fleet.open('unread', { stream: true, max_tokens: 100_000 })),
  );
  for (const client of clients) client.socket.pause();
  await eventually(() => running() === 10);
  let most = 0;
  await eventually(async () => {
    most = Math.max(most, await memory());
    return running() === 0;
  }, 20_000);
  assert.ok(most - idle < 64 * 1024 * 1024, `${(most - idle) / 2 ** 20} MiB for ten streams of 20 MB`);
  const line = await fleet.line('unread', 10);
  assert.equal(line['flag'], 'DC');
  assert.equal(await fleet.count('vllm_router_backend_state', 'state="ready"'), 3);
  assert.equal(await fleet.count('vllm_router_inflight_requests'), 0);
  for (const client of clients) client.destroy();
});

test('clients that leave while a long body is read are counted to the end', async () => {
  const long = JSON.stringify({ model: 'm', prompt: 'x'.repeat(8_000_000) });
  for (const framing of [`content-length: ${long.length}`, 'transfer-encoding: chunked']) {
    for (let count = 0; count < 5; count++) {
      const client = await RawClient.open(fleet.url);
      client.send(`POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${framing}\r\n\r\n`);
      client.send(framing.startsWith('c') ? long : `${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\n`);
      await client.flushed();
      client.destroy();
    }
  }
  await eventually(async () => (await fleet.count('vllm_router_inflight_requests')) === 0);
  assert.equal((await fleet.chat('m')).status, 200);
  assert.equal(await fleet.count('vllm_router_inflight_requests'), 0);
});

test('fault 48: who sends a head for longer than 10 s, or a request for longer than 60 s, is 408; others are served', async () => {
  let over = false;
  const slowly = Promise.all(BEGINNINGS.map(([, bytes, limit]) => slow(bytes, limit))).finally(() => {
    over = true;
  });
  let served = 0;
  while (!over) {
    assert.equal((await fleet.chat('m')).status, 200);
    served++;
    await Promise.race([slowly.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 500))]);
  }
  await slowly;
  assert.ok(served > 10);
  assert.equal(await fleet.count('vllm_router_client_rejects_total', 'request_timeout'), BEGINNINGS.length);
  const lines = () => fleet.router.logs.filter(({ msg, status }) => msg === 'request' && status === 408);
  await eventually(() => lines().length === BEGINNINGS.length);
});
