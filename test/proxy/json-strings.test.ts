import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BODY_MEMORY } from '../../src/body-memory.ts';
import { returnSlab, takeSlab } from '../../src/proxy/body-slabs.ts';
import { JsonStrings } from '../../src/proxy/json-strings.ts';

/** The obvious way. */
function slowEnd(body: Buffer, at: number): number {
  for (let index = at; index < body.length; index++) {
    const byte = body[index]!;
    if (byte === 0x22) return index;
    if (byte < 0x20) return -2;
    if (byte === 0x5c) index++;
  }
  return -1;
}

test('finds the end of a string wherever it is', () => {
  const strings = new JsonStrings();
  const bytes = fc.array(fc.constantFrom(0x61, 0x61, 0x61, 0x61, 0x5c, 0x22, 0x0a, 0x80, 0xff), { maxLength: 120 });
  fc.assert(
    fc.property(bytes, fc.nat(40), (content, at) => {
      const body = Buffer.from(content);
      strings.load(body);
      assert.equal(strings.end(at), slowEnd(body, at));
    }),
    { numRuns: 5_000 },
  );
});

test('strings that reach past a window of one MiB end where they end', () => {
  const strings = new JsonStrings();
  const window = 16 * 65_536;
  for (const border of [window - 2, window - 1, window, window + 1, 3 * window - 1]) {
    for (const tail of ['"', '\\""', '\\\\"', '\\\\\\""', 'x\\"']) {
      const body = Buffer.concat([Buffer.alloc(border, 'x'), Buffer.from(tail), Buffer.from('yyy')]);
      strings.load(body);
      assert.equal(strings.end(0), slowEnd(body, 0), `${border} ${tail}`);
    }
  }
});

test('an escape on the border of two windows is one, wherever its string begins', () => {
  const strings = new JsonStrings();
  const window = 16 * 65_536;
  const body = Buffer.alloc(window + 40, 'x');
  body.write('\\"yyy"', window - 1);
  for (let at = 0; at < 40; at++) {
    strings.load(body);
    assert.equal(strings.end(at), window + 4, `from ${at}`);
  }
});

test('a body that lies in the memory is scanned there, up to its last byte', () => {
  const strings = new JsonStrings();
  const slab = takeSlab(32 * 1024)!;
  assert.equal(slab.buffer, BODY_MEMORY);
  slab.fill('x');
  slab.write('yyy"', 100);
  for (const [length, expected] of [
    [103, -1],
    [104, 103],
  ] as const) {
    strings.load(slab.subarray(0, length));
    assert.equal(strings.end(0), expected);
  }
  returnSlab(slab);
  assert.equal(takeSlab(20_000), undefined, 'small bodies need none');
  assert.equal(takeSlab(32 * 1024), slab, 'the same again');
});
