import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { RouterError } from '../../src/errors.ts';
import { ConnectionCap } from '../../src/runtime/connection-cap.ts';
import { openListener } from './open-listener.ts';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;

/** A listener, plain or with TLS, whose requests the test answers itself. */
async function listen(t: TestContext, secure: boolean, times = {}) {
  const begun: { url: string; request: IncomingMessage; response: ServerResponse }[] = [];
  const refused: RouterError[] = [];
  const watchers = new Set<() => void>();
  const { listener, open } = await openListener(
    t,
    { name: 'public', serve: ['openai'], secure },
    (request, response) => {
      begun.push({ url: request.url!, request, response });
      for (const watch of watchers) watch();
    },
    () => false,
    new ConnectionCap(100),
    times,
    (error) => refused.push(error),
  );
  return {
    begun,
    refused,
    listener,
    /** The `count`-th request, once its turn has come. */
    async turn(count: number) {
      while (begun.length < count) {
        await new Promise<void>((resolve) => {
          watchers.add(resolve);
        });
        watchers.clear();
      }
      return begun[count - 1]!;
    },
    async open(): Promise<Socket & { text: string }> {
      const socket = open();
      await once(socket, secure ? 'secureConnect' : 'connect');
      return Object.assign(socket, { text: '' });
    },
  };
}

/** Turns of the loop in which whatever has arrived would have been handled. */
async function settle(): Promise<void> {
  for (let count = 0; count < 20; count++) await new Promise((resolve) => setImmediate(resolve));
}

for (const secure of [false, true]) {
  const over = secure ? 'with TLS' : 'handed over';

  test(`${over}, requests sent at once begin one after the other`, async (t) => {
    const { begun, turn, open } = await listen(t, secure);
    const client = await open();
    client.on('data', (bytes) => {
      client.text += bytes;
    });
    const waits = 'POST /c HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n';
    client.write(get('/a') + get('/b') + waits);
    await turn(1);
    await settle();
    for (const [index, url] of ['/a', '/b', '/c'].entries()) {
      const { response } = await turn(index + 1);
      assert.deepEqual([begun.length, begun.at(-1)!.url], [index + 1, url]);
      if (url === '/c') {
        response.writeContinue();
        client.write('x');
      }
      response.end(`answer to ${url}`);
    }
    while (!client.text.includes('answer to /c')) await once(client, 'data');
    assert.match(client.text, /answer to \/a[\s\S]*answer to \/b[\s\S]* 100 Continue[\s\S]*answer to \/c/);
    client.write(get('/d'));
    (await turn(4)).response.end();
  });

  test(`${over}, a connection with too many waiting requests is cut, and none of them begins`, async (t) => {
    const { begun, refused, turn, open } = await listen(t, secure);
    const client = await open();
    client.write(get('/a') + get('/b').repeat(8));
    const { response } = await turn(1);
    await settle();
    assert.equal(response.destroyed, false);
    const cut = once(response, 'close');
    client.write(get('/b').repeat(1_000));
    await cut;
    await settle();
    assert.equal(begun.length, 1);
    assert.deepEqual(
      refused.map(({ code }) => code),
      ['bad_request'],
    );
  });

  test(`${over}, requests of a client that has left, and those behind the last answer, do not begin`, async (t) => {
    const { begun, turn, open } = await listen(t, secure);
    const leaving = await open();
    leaving.write(get('/a') + get('/b'));
    const { response } = await turn(1);
    const gone = once(response, 'close');
    leaving.destroy();
    await gone;
    const told = await open();
    told.resume();
    told.write(get('/c') + get('/d'));
    const last = await turn(2);
    last.response.setHeader('connection', 'close');
    last.response.end();
    await once(told, 'close');
    await settle();
    assert.deepEqual(
      begun.map(({ url }) => url),
      ['/a', '/c'],
    );
  });

  test(`${over}, a request whose body does not come ends within its time when the listener has closed, too`, async (t) => {
    const { listener, turn, open } = await listen(t, secure, {
      connectionsCheckingInterval: 20,
      headersTimeout: 300,
      requestTimeout: 300,
    });
    const client = await open();
    client.write('POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhell');
    await turn(1);
    await listener.close();
  });

  test(`${over}, a client that does not take its answer is cut; one that takes it is not, however long its next one takes`, async (t) => {
    // Of a busy machine, client and router, all of this process, may get nothing for a while.
    const limit = 1_500;
    const times = { connectionsCheckingInterval: 20, headersTimeout: limit, requestTimeout: limit };
    const { turn, open } = await listen(t, secure, times);
    const stuck = await open();
    stuck.pause();
    stuck.write(get('/long'));
    const answer = Buffer.alloc(30_000_000, 'a');
    const one = await turn(1);
    const cut = once(one.response, 'close');
    one.response.end(answer);

    // Reads for longer than the limit in all, with some progress within it.
    const reading = await open();
    let bytes = 0;
    let room = 0;
    reading.on('data', (piece) => {
      bytes += piece.length;
      room -= piece.length;
      if (room < 0) reading.pause();
    });
    const more = setInterval(() => {
      room = 1_500_000;
      reading.resume();
    }, limit / 6);
    t.after(() => clearInterval(more));
    reading.write(get('/long') + get('/next'));
    (await turn(2)).response.end(answer);
    const next = await turn(3);
    await cut;
    assert.equal(one.response.writableFinished, false);
    // Twice the limit without a byte.
    await new Promise((resolve) => setTimeout(resolve, 2 * limit));
    next.response.end('the next');
    await once(next.response, 'close');
    assert.ok(next.response.writableFinished);
    assert.ok(bytes > answer.length);
  });
}
