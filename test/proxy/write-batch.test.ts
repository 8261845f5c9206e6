import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { flushWrites, isWaiting, writeLater } from '../../src/proxy/write-batch.ts';

/** What a batch needs of a socket. */
function socket(): { written: string[]; socket: Socket } {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  return { written, socket: { destroyed: false, write } as unknown as Socket };
}

test('writes of one turn leave together behind it, in their order', async () => {
  const { written, socket: to } = socket();
  const batch = writeLater(to, 'a');
  assert.equal(writeLater(to, 'b'), batch);
  assert.deepEqual(written, []);
  assert.ok(isWaiting(batch));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(written, ['a', 'b']);
  assert.ok(!isWaiting(batch));
});

test('a turn that brings very much does not keep the first of it waiting', () => {
  const { written, socket: to } = socket();
  const batches = new Set<number>();
  for (let count = 0; count < 1_000; count++) {
    batches.add(writeLater(to, `${count}`));
    assert.ok(count + 1 - written.length < 100, `${written.length} of ${count + 1} are written`);
  }
  flushWrites();
  assert.deepEqual(
    written,
    Array.from({ length: 1_000 }, (_, count) => `${count}`),
  );
  for (const batch of batches) assert.ok(!isWaiting(batch));
});

test('a connection that is gone by then is not written to', () => {
  const { written, socket: to } = socket();
  writeLater(to, 'x');
  (to as { destroyed: boolean }).destroyed = true;
  flushWrites();
  assert.deepEqual(written, []);
});
