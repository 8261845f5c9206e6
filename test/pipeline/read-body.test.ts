import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { readBody } from '../../src/pipeline/read-body.ts';

const LIMIT = 32 * 2 ** 20;
let port: number;
const received: Buffer[] = [];
const server = createServer(async (incoming, response) => {
  const { body } = await readBody(incoming, response, LIMIT);
  received.push(body);
  response.end();
});

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
after(() => server.close());

async function post(body: Buffer, headers: Record<string, string | number>): Promise<void> {
  const outgoing = request({ port, host: '127.0.0.1', method: 'POST', headers: { connection: 'close', ...headers } });
  // In uneven pieces, so that no border falls together with one of the reader's.
  for (let at = 0, size = 1; at < body.length; at += size, size = Math.min(size * 3, 1_000_003)) {
    outgoing.write(body.subarray(at, at + size));
  }
  outgoing.end();
  const [response] = await once(outgoing, 'response');
  response.resume();
  await once(response, 'end');
}

test('a body of any size arrives byte for byte, whether its length is known or not', async () => {
  // Around what is put together as it comes (1 MiB), what lies in slabs (32 KiB to 4 MiB), and the largest one there may be.
  for (const size of [0, 1, 40_000, 2 ** 20, 4 * 2 ** 20, 4 * 2 ** 20 + 1, 9_000_001, LIMIT]) {
    const body = randomBytes(size);
    for (const headers of [{ 'content-length': size }, { 'transfer-encoding': 'chunked' }]) {
      await post(body, headers);
      const got = received.pop()!;
      assert.equal(got.length, size);
      assert.ok(got.equals(body), `${size} bytes, ${JSON.stringify(headers)}`);
    }
  }
});
