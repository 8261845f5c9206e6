import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { BodyPieces } from '../../src/proxy/body-pieces.ts';

const KIB = 1024;

function piecesOf(body: Buffer, sizes: readonly number[]): BodyPieces {
  const pieces = new BodyPieces();
  for (let at = 0, turn = 0; at < body.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    pieces.add(body.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

test('pieces of any size come out in their order, in memory for twice their bytes at most', () => {
  const body = randomBytes(1_000_003);
  for (const sizes of [
    [1],
    [1, 2, 3],
    [40 * KIB],
    [40 * KIB, 1],
    [1, 31 * KIB],
    [5_000, 64 * KIB, 1, 1],
    [32 * KIB - 1],
  ]) {
    const list = piecesOf(body, sizes).take();
    assert.ok(Buffer.concat(list).equals(body), String(sizes));
    // Those that are kept as they are lie in the body here.
    const own = new Set(list.map((piece) => piece.buffer).filter((buffer) => buffer !== body.buffer));
    const taken = [...own].reduce((sum, { byteLength }) => sum + byteLength, 0);
    assert.ok(taken <= 2 * body.length, `${sizes}: ${taken} bytes`);
    assert.ok(list.length <= body.length / (8 * KIB), `${sizes}: ${list.length} buffers`);
  }
});

test('a short body in two pieces is one small buffer', () => {
  const list = piecesOf(Buffer.from('{"model":"m"}'), [5]).take();
  assert.deepEqual(list.map(String), ['{"model":"m"}']);
  assert.ok(list[0]!.buffer.byteLength <= 4 * KIB);
});
