import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../src/discovery/kubernetes/api-error.ts';
import { WatchParser } from '../../../src/discovery/kubernetes/watch-parser.ts';

const event = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
const pod = { metadata: { name: 'ü', resourceVersion: '5' } };

test('events come out as their lines are complete, however they are cut', () => {
  const bytes = Buffer.from(event('ADDED', pod) + event('BOOKMARK', { metadata: { resourceVersion: '6' } }));
  for (let size = 1; size <= bytes.length; size++) {
    const parser = new WatchParser();
    const events = [];
    for (let from = 0; from < bytes.length; from += size)
      events.push(...parser.push(bytes.subarray(from, from + size)));
    parser.end();
    assert.deepEqual(events, [
      { type: 'ADDED', object: pod, resourceVersion: '5' },
      { type: 'BOOKMARK', resourceVersion: '6' },
    ]);
  }
});

function failure(text: string): ApiError {
  try {
    const parser = new WatchParser();
    for (const _ of parser.push(Buffer.from(text)));
    parser.end();
  } catch (error) {
    return error as ApiError;
  }
  throw new Error('accepted');
}

test('an ERROR event is the status it carries', () => {
  const gone = failure(event('ERROR', { kind: 'Status', code: 410, message: 'too old resource version' }));
  assert.ok(gone instanceof ApiError);
  assert.equal(gone.code, 410);
  assert.match(gone.message, /too old/);
  assert.equal(failure(event('ERROR', {})).code, 500);
});

test('whatever is no event is an error, never skipped', () => {
  for (const text of [
    'nonsense\n',
    'null\n',
    event('ADDED', {}),
    event('NEWS', pod),
    event('ADDED', pod).slice(0, -5),
  ]) {
    assert.ok(['protocol', 'stream'].includes(failure(text).code as string), text);
  }
});

test('an event without end is refused', () => {
  const parser = new WatchParser();
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  assert.throws(() => {
    for (let i = 0; i < 10; i++) for (const _ of parser.push(chunk));
  }, /more than 8388608 bytes/);
});
