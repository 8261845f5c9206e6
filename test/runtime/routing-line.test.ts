import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AlgorithmConfig } from '../../src/config/config.ts';
import { routingLine } from '../../src/runtime/routing-line.ts';

function line(id: string, algorithm: Partial<AlgorithmConfig>, headers: Record<string, string> = {}): string {
  const routed = { id, headers, startedAt: 100, bodyField: () => undefined };
  return routingLine(
    routed as never,
    { config: { algorithm } } as never,
    { url: 'http://10.0.0.1:8000' } as never,
    100.94,
    1_719_322_323_123,
  );
}

/** As scripts of the original's repository look for it. */
const PATTERN = /Routing request (\S+) with session id (\S+) to (\S+) at (\d+\.\d+), process time = (\d+\.\d{4})/;

test('request, session, URL, time and how long it took', () => {
  const session = { type: 'session', header: 'X-User' } as const;
  assert.equal(
    line('req-1', session, { 'x-user': 'ada' }),
    'Routing request req-1 with session id ada to http://10.0.0.1:8000 at 1719322323.123000, process time = 0.0009',
  );
  assert.deepEqual(PATTERN.exec(line('req-1', session))?.slice(1, 4), ['req-1', 'None', 'http://10.0.0.1:8000']);
  assert.equal(PATTERN.exec(line('r', { type: 'round-robin' }, { 'x-user': 'ada' }))?.[2], 'None');
});

test('what a client says stays one word', () => {
  const session = { type: 'session', header: 'x-user' } as const;
  const [, id, key, url] = PATTERN.exec(line('a\nb', session, { 'x-user': 'x to http://evil at 1\u202e\\' }))!;
  assert.equal(id, 'a\\u000ab');
  assert.equal(key, 'x\\u0020to\\u0020http://evil\\u0020at\\u00201\\u202e\\u005c');
  assert.equal(url, 'http://10.0.0.1:8000');
});
