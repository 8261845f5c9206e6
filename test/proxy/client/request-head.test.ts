import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { parsePlainHead } from '../../../src/proxy/client/request-head.ts';
import { seededRandom } from '../../../src/simulator/engine/faults.ts';

/**
 * Differential fuzz: what our parser takes for plain, node:http must read in the same way. (What is not plain goes to node:http anyway.)
 * FUZZ_SEED and FUZZ_RUNS repeat or lengthen a run.
 */
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_127);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 2_000);
const BODY = '{"model":"m"}';

const SPECIAL = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\0',
  '\x7f',
  '0',
  'a',
  'F',
  '\xff',
  '"',
  '+',
  '\r\n\r\n',
];
const LINES = [
  'x-a: b',
  'X-Empty:',
  'x-tab:\ta\t',
  'x-high: \xe4\xff',
  'accept: */*',
  'Authorization: Bearer k',
  'cookie: a=b; c=d',
  'x-a: c',
  '__proto__: x',
  'constructor: x',
  'connection: keep-alive',
  'Connection: close',
  'connection: keep-alive, x-a',
  'transfer-encoding: chunked',
  'expect: 100-continue',
  'upgrade: h2c',
  ' folded: x',
  'x-space : y',
  `content-length: ${BODY.length}`,
];

function generator(seed: number): () => string {
  const random = seededRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  return () => {
    const line = pick([
      'POST /v1/x HTTP/1.1',
      'POST /v1/x HTTP/1.1',
      'POST /v1/x HTTP/1.1',
      'POST /v1/x?a=b%20 HTTP/1.1',
      'POST /v1/x HTTP/1.0',
      'PUT /v1/x HTTP/1.1',
      'POST  /v1/x HTTP/1.1',
    ]);
    const length = pick([
      `content-length: ${BODY.length}`,
      `Content-Length:  ${BODY.length} `,
      `content-length: 0${BODY.length}`,
      'x: y',
    ]);
    const lines = ['host: x', length];
    for (let count = Math.floor(random() * 4); count > 0; count--)
      lines.splice(Math.floor(random() * 3), 0, pick(LINES));
    let head = [line, ...lines].join('\r\n');
    for (let count = random() < 0.7 ? 0 : Math.ceil(random() * 2); count > 0; count--) {
      const at = Math.floor(random() * head.length);
      head = head.slice(0, at) + pick(SPECIAL) + head.slice(at + Math.floor(random() * 2));
    }
    return head;
  };
}

test('node:http reads every plain head as we do', async (t) => {
  let seen: { request: IncomingMessage; body: string } | undefined;
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      seen = { request, body };
      response.writeHead(200, { connection: 'close' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const next = generator(SEED);
  let plain = 0;
  for (let run = 0; run < RUNS; run++) {
    const head = next();
    // The connection looks for the head's end first.
    if (head.includes('\r\n\r\n')) continue;
    const ours = parsePlainHead(head);
    if (ours === undefined || ours.length > 100_000) continue;
    const sent = 'b'.repeat(ours.length);
    plain++;
    seen = undefined;
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.end(Buffer.from(`${head}\r\n\r\n${sent}`, 'latin1'));
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    const context = `run ${run}: ${JSON.stringify(head)}`;
    assert.ok(seen !== undefined, `node:http refused it; ${context}`);
    const { request, body } = seen as { request: IncomingMessage; body: string };
    assert.equal(request.url, ours.url, context);
    assert.deepEqual(request.rawHeaders, ours.rawHeaders, context);
    assert.deepEqual({ ...request.headers }, { ...ours.headers }, context);
    assert.equal(body, sent, context);
  }
  assert.ok(plain > RUNS / 10, `only ${plain} of ${RUNS} heads were plain`);
});

test('what could be read in two ways is not plain', () => {
  const plain = 'POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 5';
  assert.equal(parsePlainHead(plain)?.length, 5);
  for (const head of [
    `${plain}\r\ncontent-length: 5`,
    `${plain}\r\ntransfer-encoding: chunked`,
    `${plain}\r\nexpect: 100-continue`,
    `${plain}\r\nupgrade: h2c`,
    `${plain}\r\nconnection: close`,
    `${plain}\r\nx-a: 1\r\nX-A: 2`,
    `${plain}\r\n__proto__: 1`,
    `${plain}\r\nx-a: 1\n`,
    `${plain}\r\n x-a: 1`,
    `${plain}\r\nx-a : 1`,
    plain.replace('length: 5', 'length: +5'),
    plain.replace('length: 5', 'length: 5, 5'),
    plain.replace('length: 5', 'length: 1234567890123456'),
    plain.replace('POST', 'GET'),
    plain.replace('1.1', '1.0'),
    plain.replace('/v1/x', 'http://x/v1/x'),
    plain.replace('/v1/x', '/v1/\xff'),
    'POST /v1/x HTTP/1.1\r\nhost: x',
    'POST /v1/x HTTP/1.1',
    '',
  ]) {
    assert.equal(parsePlainHead(head), undefined, head);
  }
});
