import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  newSpanId,
  newTraceId,
  parseTraceparent,
  traceparentLine,
  withoutTrace,
} from '../../src/tracing/trace-context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

test('a traceparent by the letter of the recommendation', () => {
  const valid = parseTraceparent(`00-${TRACE}-${PARENT}-01`);
  assert.deepEqual(valid, { traceId: TRACE, parentId: PARENT, sampled: true, flags: '01' });
  assert.equal(parseTraceparent(`00-${TRACE}-${PARENT}-00`)?.sampled, false);
  assert.equal(parseTraceparent(`cc-${TRACE}-${PARENT}-01-what-comes-later`)?.sampled, true);
  // Bits that nobody has defined do not go on.
  assert.equal(parseTraceparent(`00-${TRACE}-${PARENT}-fe`)?.flags, '02');
});

test('what is none', () => {
  const invalid = [
    '',
    'x',
    `00-${TRACE}-${PARENT}`,
    `00-${TRACE}-${PARENT}-01-more`,
    `ff-${TRACE}-${PARENT}-01`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`,
    ` 00-${TRACE}-${PARENT}-01`,
  ];
  for (const header of invalid) assert.equal(parseTraceparent(header), undefined, header);
});

test('header lines lose what does not go on, and nothing else', () => {
  const lines = `a: b\r\nTraceparent: x\r\ntracestate: y\r\nx-traceparent: kept\r\nTRACESTATE: z\r\n`;
  assert.equal(withoutTrace(lines, true), 'a: b\r\ntracestate: y\r\nx-traceparent: kept\r\nTRACESTATE: z\r\n');
  assert.equal(withoutTrace(lines, false), 'a: b\r\nx-traceparent: kept\r\n');
});

test('ids are new each time, and what is made of them is valid', () => {
  const ids = Array.from({ length: 5_000 }, () => [newTraceId(), newSpanId()] as const);
  assert.equal(new Set(ids.flat()).size, 10_000);
  for (const [traceId, spanId] of ids) {
    const line = traceparentLine(traceId, spanId, '01');
    assert.ok(parseTraceparent(line.slice('traceparent: '.length, -2)), line);
  }
});
