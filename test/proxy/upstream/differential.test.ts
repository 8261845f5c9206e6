import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { seededRandom } from '../../../src/simulator/engine/faults.ts';
import { exchange, pool } from './scripted.ts';

/**
 * Differential fuzz: what our response parser accepts, node:http's must accept too, with the same status and body. (Node's may
 * accept more.) FUZZ_SEED and FUZZ_RUNS repeat or lengthen a run.
 *
 * The one documented exception: bytes behind a complete answer. Ours takes the answer and closes the connection, node reports the
 * stray bytes as an error of the answer.
 */
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_101);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1_500);

const SPECIAL = ['\r', '\n', '\r\n', ' ', '\t', ':', ';', ',', '\0', '\x7f', '0', '1', 'a', 'F', '\xff', '"', '-', '+'];

function generator(seed: number) {
  const random = seededRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const payload = () => 'xyz\r\n0'.repeat(4).slice(0, Math.floor(random() * 20));
  const chunked = () => {
    let text = '';
    for (let count = Math.floor(random() * 4); count > 0; count--) {
      const data = payload() || 'z';
      const size = pick([
        data.length.toString(16),
        `00${data.length.toString(16)}`,
        data.length.toString(16).toUpperCase(),
      ]);
      text += `${size}${pick(['', '', '', ';ext', ';a=b', ' '])}\r\n${data}\r\n`;
    }
    return `${text}0\r\n${pick(['', '', 'x: y\r\n', 'bad\r\n'])}\r\n`;
  };
  return () => {
    const version = pick(['1.1', '1.1', '1.1', '1.0', '2.0', '1.2']);
    const status = pick(['200 OK', '200', '200 ', '204 No Content', '304 Not', '404 x', '500 \xe4', '99 x', '1000 x']);
    const data = payload();
    const framings: [string, string][] = [
      [`content-length: ${data.length}\r\n`, data],
      [`Content-Length:${data.length}  \r\n`, data],
      [`content-length: ${data.length}\r\ncontent-length: ${data.length}\r\n`, data],
      [`content-length: ${data.length}, ${data.length}\r\n`, data],
      [`content-length: ${data.length + pick([-1, 1, 5])}\r\n`, data],
      ['transfer-encoding: chunked\r\n', chunked()],
      ['Transfer-Encoding: CHUNKED\r\n', chunked()],
      ['transfer-encoding: gzip, chunked\r\n', chunked()],
      ['transfer-encoding: chunked\r\ncontent-length: 3\r\n', chunked()],
      ['', data],
    ];
    const [framing, body] = pick(framings);
    const extra = pick([
      '',
      'x-a: b\r\n',
      'connection: close\r\n',
      'empty:\r\n',
      'x y: 1\r\n',
      ' fold\r\n',
      'a:\tb\t\r\n',
    ]);
    const interim = random() < 0.1 ? pick(['HTTP/1.1 103 E\r\nlink: x\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n']) : '';
    let text = `${interim}HTTP/${version} ${status}\r\n${pick([framing + extra, extra + framing])}\r\n${body}`;
    for (let count = pick([0, 0, 1, 1, 2]); count > 0; count--) {
      const at = Math.floor(random() * text.length);
      const kind = random();
      if (kind < 0.4) text = text.slice(0, at) + pick(SPECIAL) + text.slice(at);
      else if (kind < 0.7) text = text.slice(0, at) + text.slice(at + 1);
      else if (kind < 0.9) text = text.slice(0, at) + pick(SPECIAL) + text.slice(at + 1);
      else text = text.slice(0, at);
    }
    return Buffer.from(text, 'latin1');
  };
}

interface Parsed {
  readonly status: number;
  readonly body: string;
}

function byNode(port: number): Promise<Parsed | { error: string }> {
  return new Promise((resolve) => {
    const sent = request({ port, host: '127.0.0.1', agent: new Agent({ keepAlive: false }) }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', (error) => resolve({ error: error.message }));
      response.on('end', () => {
        // Stray bytes are reported on the request, after the end.
        setImmediate(() => resolve({ status: response.statusCode!, body: Buffer.concat(pieces).toString('latin1') }));
      });
    });
    sent.on('error', (error) => resolve({ error: error.message }));
    sent.end();
  });
}

/** Node's complaint about bytes behind an answer that it had accepted. */
const STRAY = /^Parse Error: (Data after `Connection: close`|Expected HTTP\/)/;

test('whatever our response parser accepts, node:http accepts with the same status and body', async (t) => {
  const generate = generator(SEED);
  let current = Buffer.alloc(0);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(current));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const ours = pool(t, `http://127.0.0.1:${port}`);
  let accepted = 0;
  for (let run = 0; run < RUNS; run++) {
    current = generate();
    const mine = await exchange(ours);
    if (mine.error !== undefined || mine.head === undefined) continue;
    accepted++;
    const theirs = await byNode(port);
    const text = JSON.stringify(current.toString('latin1'));
    if ('error' in theirs) assert.match(theirs.error, STRAY, `run ${run} of seed ${SEED}: ${text}`);
    else {
      const seen = { status: mine.head.status, body: mine.body.toString('latin1') };
      assert.deepEqual(seen, theirs, `run ${run} of seed ${SEED}: ${text}`);
    }
  }
  // The generator must not be so wild that nothing is left to compare.
  assert.ok(accepted > RUNS / 10, `${accepted} of ${RUNS} accepted`);
});
