import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChunkScanner } from '../../../src/proxy/upstream/chunk-scanner.ts';

/** How one chunk is written: its payload, the case and leading zeros of its size, an extension. */
const chunk = fc.record({
  payload: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  upper: fc.boolean(),
  zeros: fc.nat(2),
  extension: fc.constantFrom('', '', '', ';a', ';name="v \\" x"'),
});
const trailers = fc.array(fc.constantFrom('x-a: 1', 'Y: ', 'z:\t2 3'), { maxLength: 3 });

interface Body {
  readonly framed: Buffer;
  readonly payload: Buffer;
  /** Offset where the last chunk begins. */
  readonly last: number;
}

function write(
  chunks: readonly { payload: Uint8Array; upper: boolean; zeros: number; extension: string }[],
  tail: readonly string[],
): Body {
  const parts: Buffer[] = [];
  for (const { payload, upper, zeros, extension } of chunks) {
    const size = payload.length.toString(16);
    parts.push(Buffer.from(`${'0'.repeat(zeros)}${upper ? size.toUpperCase() : size}${extension}\r\n`));
    parts.push(Buffer.from(payload), Buffer.from('\r\n'));
  }
  const body = Buffer.concat(parts);
  const end = Buffer.from(`0\r\n${tail.map((line) => `${line}\r\n`).join('')}\r\n`);
  return {
    framed: Buffer.concat([body, end]),
    payload: Buffer.concat(chunks.map(({ payload }) => Buffer.from(payload))),
    last: body.length,
  };
}

/** Feeds the pieces in one buffer, as reads come, and gathers what came out. */
function scan(framed: Buffer, cuts: readonly number[]) {
  const scanner = new ChunkScanner();
  scanner.reset();
  const borders = [...new Set(cuts.map((cut) => cut % (framed.length + 1)))].sort((a, b) => a - b);
  borders.push(framed.length);
  const payload: Buffer[] = [];
  const passed: { bytes: Buffer; payload: Buffer }[] = [];
  let at = 0;
  for (const border of borders) {
    while (at < border && !scanner.done) {
      const next = scanner.feed(framed, at, border);
      if (next < 0) return { fault: true as const, at };
      const pieces: Buffer[] = [];
      for (let index = 0; index < scanner.count; index += 2) {
        pieces.push(framed.subarray(scanner.offsets[index]!, scanner.offsets[index + 1]!));
      }
      payload.push(...pieces);
      if (scanner.whole && scanner.count > 0) {
        passed.push({ bytes: framed.subarray(at, scanner.bodyEnd), payload: Buffer.concat(pieces) });
      }
      at = next;
    }
  }
  return { fault: false as const, done: scanner.done, payload: Buffer.concat(payload), passed, at };
}

test('any split of any valid body gives the same payload and the same end', () => {
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 6 }), trailers, fc.array(fc.nat(400)), (chunks, tail, cuts) => {
      const { framed, payload } = write(chunks, tail);
      const result = scan(framed, cuts);
      assert.ok(!result.fault);
      assert.ok(result.done);
      assert.equal(result.at, framed.length);
      assert.deepEqual(result.payload, payload);
    }),
    { numRuns: 500 },
  );
});

test('what may be passed on as it is consists of whole chunks without extensions, and holds the payload', () => {
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 6 }), fc.array(fc.nat(400)), (chunks, cuts) => {
      const result = scan(write(chunks, []).framed, cuts);
      assert.ok(!result.fault);
      for (const { bytes, payload } of result.passed) {
        assert.doesNotMatch(bytes.toString('latin1').split('\r\n')[0]!, /;/);
        const alone = scan(Buffer.concat([bytes, Buffer.from('0\r\n\r\n')]), []);
        assert.ok(!alone.fault && alone.done);
        assert.deepEqual(alone.payload, payload);
      }
    }),
    { numRuns: 500 },
  );
});

test('a read of whole chunks may be passed on, with the last chunk behind it too', () => {
  const scanner = new ChunkScanner();
  scanner.reset();
  const bytes = Buffer.from('3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n');
  assert.equal(scanner.feed(bytes, 0, 15), 15);
  assert.ok(scanner.whole && !scanner.done);
  assert.equal(scanner.bodyEnd, 15);
  scanner.reset();
  assert.equal(scanner.feed(bytes, 0, bytes.length), bytes.length);
  assert.ok(scanner.whole && scanner.done);
  assert.equal(scanner.bodyEnd, 15);
});

test('stops behind the last chunk: what follows belongs to nobody', () => {
  const scanner = new ChunkScanner();
  scanner.reset();
  const bytes = Buffer.from('1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK');
  assert.equal(scanner.feed(bytes, 0, bytes.length), 11);
  assert.ok(scanner.done);
});

test('malformed framing is an error wherever it is split', () => {
  const malformed = [
    'g\r\n',
    '\r\n',
    ' 5\r\nhello\r\n',
    '5 \r\nhello\r\n',
    '0x5\r\nhello\r\n',
    '+5\r\nhello\r\n',
    '-1\r\n',
    '123456789\r\n',
    '5\nhello\r\n',
    '5\rhello\r\n',
    '5;a\nhello\r\n',
    '5;a\rb\r\nhello\r\n',
    '5;\0\r\nhello\r\n',
    '5\r\nhello!\r\n',
    '5\r\nhello\n',
    '5\r\nhello\rx',
    '0\r\nx\r\n\r\n',
    '0\r\nx y: 1\r\n\r\n',
    '0\r\n: 1\r\n\r\n',
    '0\r\nx: 1\n\r\n',
    '0\r\nx: 1\r\n y\r\n\r\n',
    '0\r\nx: \x01\r\n\r\n',
    '0\r\n\n',
    '0\r\n\rx',
  ];
  for (const text of malformed) {
    const bytes = Buffer.from(text, 'latin1');
    for (let cut = 0; cut < bytes.length; cut++) {
      assert.ok(scan(bytes, [cut]).fault, `${JSON.stringify(text)} cut at ${cut}`);
    }
  }
});

test('extensions and trailers are bounded over the whole response', () => {
  const long = `;${'x'.repeat(6_000)}`;
  assert.ok(!scan(Buffer.from(`1${long}\r\na\r\n1${long}\r\nb\r\n0\r\n\r\n`), []).fault);
  assert.ok(scan(Buffer.from(`1${long}\r\na\r\n1${long}\r\nb\r\n1${long}\r\nc\r\n0\r\n\r\n`), []).fault);
  assert.ok(scan(Buffer.from(`0\r\n${'a:\r\n'.repeat(20_000)}\r\n`), []).fault);
});
