import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Judge, type Verdict } from '../../src/pipeline/verdict.ts';
import type { AttemptResult, FailureReason } from '../../src/proxy/attempt-result.ts';

const STATUSES = [502, 503, 504];

function answered(status: number, body = '{"error":{}}'): AttemptResult {
  const headers = { list: [], contentType: 'application/json', hasDate: false };
  return {
    type: 'answered',
    answer: {
      status,
      headers,
      body,
      usage: undefined,
      retryAfter: undefined,
      inStream: false,
      aborted: false,
    },
  } as unknown as AttemptResult;
}

const failed = (reason: FailureReason): AttemptResult => ({ type: 'failed', reason });
const once = (result: AttemptResult, ownKey = false): Verdict => new Judge(STATUSES).verdict(result, ownKey);

test('what each end of an attempt leads to', () => {
  const cases: [AttemptResult, Verdict][] = [
    [failed('connect_failed'), 'free'],
    [failed('connect_timeout'), 'free'],
    [failed('no_socket'), 'attempt'],
    [failed('disconnected'), 'attempt'],
    [failed('truncated'), 'attempt'],
    [failed('moved'), 'attempt'],
    [failed('unreachable'), 'attempt'],
    [failed('first_byte_timeout'), 'budget'],
    [failed('incomplete_stream'), 'budget'],
    [failed('bad_response'), 'final'],
    [failed('total_timeout'), 'final'],
    [failed('shutdown'), 'final'],
    [answered(200), 'final'],
    [answered(400), 'final'],
    [answered(404, '{"error":{"type":"x"}}'), 'final'],
    [answered(404, '{"detail":"Not Found"}'), 'free'],
    [answered(404, '{"error":{"type":"NotFoundError"}}'), 'free'],
    [answered(401), 'final'],
    [answered(429), 'attempt'],
    [answered(500), 'budget'],
    [answered(500, '{"error":{"message":"cannot schedule new futures after shutdown"}}'), 'free'],
    [answered(501), 'final'],
    [answered(502), 'budget'],
    [answered(503), 'budget'],
    [answered(503, '{"error":{"type":"Service Unavailable"}}'), 'attempt'],
    [answered(504), 'budget'],
    [{ type: 'left' } as AttemptResult, 'final'],
  ];
  for (const [result, verdict] of cases) assert.equal(once(result), verdict, JSON.stringify(result).slice(0, 80));
  assert.equal(once(answered(401), true), 'free');
  assert.equal(once(answered(403), true), 'free');
});

test('two deaths are enough, of whatever kind; a 500 counts as one', () => {
  const sequence = (...results: AttemptResult[]) => {
    const judge = new Judge(STATUSES);
    return results.map((result) => judge.verdict(result, false));
  };
  assert.deepEqual(sequence(failed('disconnected'), failed('truncated')), ['attempt', 'poison']);
  assert.deepEqual(sequence(answered(500), failed('disconnected')), ['budget', 'poison']);
  assert.deepEqual(sequence(failed('moved'), answered(500)), ['attempt', 'final']);
  assert.deepEqual(sequence(answered(500), answered(500)), ['budget', 'final']);
  assert.deepEqual(sequence(failed('connect_failed'), failed('disconnected')), ['free', 'attempt']);
  assert.deepEqual(sequence(failed('unreachable'), failed('unreachable'), failed('moved')), Array(3).fill('attempt'));
  assert.deepEqual(sequence(answered(429), answered(429)), ['attempt', 'final']);
});
