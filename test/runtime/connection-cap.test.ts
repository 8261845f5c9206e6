import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { mock, test } from 'node:test';
import { ConnectionCap } from '../../src/runtime/connection-cap.ts';

/** What the cap uses of a socket. */
class Connection extends EventEmitter {
  bytesRead = 0;
  destroyed = false;
  idle = false;
  answer = '';
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort: number;
  constructor(remotePort = 1) {
    super();
    this.remotePort = remotePort;
  }
  end(answer: string): void {
    this.answer = answer;
  }
  pause(): void {}
  destroySoon(): void {
    this.destroy();
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const asSocket = (connection: object) => connection as Socket;

function full(clients: number, most: { spare: number; own: number }) {
  const cap = new ConnectionCap(clients, most);
  const refused: Connection[] = [];
  const accept = (connection = new Connection(), quiet = false) => {
    const isIdle = () => connection.idle;
    cap.accept(asSocket(connection), () => refused.push(connection), isIdle, quiet);
    return connection;
  };
  const held = Array.from({ length: clients }, () => accept());
  return { cap, accept, held, refused };
}

test('beyond the cap a few are accepted, for one request each that is not forwarded', () => {
  const { cap, accept, held, refused } = full(2, { spare: 1, own: 0 });
  const spare = accept();
  assert.ok(cap.isSpare(asSocket(spare)) && cap.refuses(asSocket(spare)));
  for (const client of held) assert.ok(!cap.isSpare(asSocket(client)) && !cap.refuses(asSocket(client)));
  assert.equal(refused.length, 0);
  held[0]!.destroy();
  assert.ok(!cap.isSpare(asSocket(accept())), 'there is room again');
});

test('the silent and the refused make room for the next; who is being answered does not', (t) => {
  let now = performance.now();
  t.mock.method(performance, 'now', () => now);
  const { cap, accept, refused } = full(1, { spare: 3, own: 0 });
  const [silent, asked, probe] = [accept(), accept(), accept()];
  asked.bytesRead = probe.bytesRead = 100;
  assert.equal(accept().destroyed, true, 'each may be about to speak');
  refused.length = 0;
  now += 101;
  cap.refuses(asSocket(asked));
  const next = [accept(), accept()];
  for (const one of next) one.bytesRead = 100;
  assert.deepEqual([silent.destroyed, asked.destroyed, probe.destroyed], [true, true, false]);
  assert.ok(silent.answer.startsWith('HTTP/1.1 503 '));
  assert.deepEqual(refused, [silent], 'who asked has been told by the pipeline');
  const last = accept();
  assert.ok(last.answer.startsWith('HTTP/1.1 503 '));
  assert.deepEqual(refused, [silent, last]);
  probe.destroy();
  assert.ok(cap.isSpare(asSocket(accept())), 'those that were refused do not count');
});

test('a connection beyond the cap has ten seconds', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const { accept } = full(1, { spare: 1, own: 0 });
  const viewer = accept();
  viewer.bytesRead = 100;
  mock.timers.tick(9_999);
  assert.equal(viewer.destroyed, false);
  mock.timers.tick(1);
  assert.ok(viewer.destroyed);
  mock.timers.reset();
});

test('listeners that forward nothing have some for sure, and share the clients’ beyond that', () => {
  const { cap, accept, held, refused } = full(2, { spare: 0, own: 2 });
  const own = [accept(undefined, true), accept(undefined, true)];
  for (const connection of own) assert.ok(!cap.isSpare(asSocket(connection)));
  accept(undefined, true);
  assert.equal(refused.length, 1);
  held[0]!.destroy();
  accept(undefined, true);
  assert.equal(refused.length, 1, 'a client has left');
  accept();
  assert.equal(refused.length, 2, 'and its place is taken');
});

test('at the cap of its own, the oldest idle connection makes room, unless the clients have some', (t) => {
  let now = performance.now();
  t.mock.method(performance, 'now', () => now);
  const { cap, accept, held, refused } = full(1, { spare: 0, own: 3 });
  const [busy, idle, second] = [accept(undefined, true), accept(undefined, true), accept(undefined, true)];
  idle.idle = second.idle = true;
  accept(undefined, true);
  assert.equal(refused.length, 1, 'they may be about to ask');
  now += 1_001;
  const next = accept(undefined, true);
  next.idle = true;
  assert.deepEqual(
    [busy, idle, second, next].map(({ destroyed }) => destroyed),
    [false, true, false, false],
  );
  assert.ok(!cap.isSpare(asSocket(next)));
  held[0]!.destroy();
  accept(undefined, true);
  assert.equal(second.destroyed, false, 'there is room among the clients');
  accept();
  assert.equal(refused.length, 2, 'clients close none of them');
});

test('with TLS the connection is known by its other end', () => {
  const { cap, accept } = full(1, { spare: 2, own: 0 });
  accept(new Connection(7));
  const over = (port: number) => asSocket(Object.assign(new Connection(port), { encrypted: true }));
  assert.ok(cap.isSpare(over(7)));
  assert.ok(!cap.isSpare(over(8)));
});
