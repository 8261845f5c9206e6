import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { Explanation } from '../../src/pipeline/explanation.ts';
import type { Route } from '../../src/pipeline/route.ts';
import { candidate, request } from '../algorithms/fleet.ts';

function explained(urls: readonly string[], name = 'chat') {
  let value = '';
  const response = { setHeader: (_: string, text: string) => (value = text) } as unknown as ServerResponse;
  const route = {
    role: undefined,
    config: { name, algorithm: { type: 'least-load' } },
    algorithm: { explain: (all: readonly unknown[]) => all.map((_, at) => ({ score: all.length - at + 1 / 3 })) },
  } as unknown as Route;
  const candidates = urls.map((url, index) => ({ ...candidate(index), url }));
  const explanation = new Explanation(response);
  explanation.consider(route, candidates, request(), candidates);
  explanation.sent(route, candidates[0]!);
  return { value, decision: JSON.parse(value) };
}

test('of many candidates the best ones are told, and how many there are', () => {
  const urls = Array.from({ length: 1_000 }, (_, index) => `http://engine-${index}:8000`);
  const { value, decision } = explained(urls);
  assert.equal(decision.of, 1_000);
  assert.equal(decision.candidates.length, 16);
  assert.deepEqual(decision.candidates[0], { backend: urls[999], score: 1.33 });
  assert.equal(decision.backend, urls[0]);
  assert.ok(value.length < 3_072);
});

test('stays small whatever the addresses are', () => {
  const { value, decision } = explained(
    Array.from({ length: 20 }, (_, index) => `http://x/${'p'.repeat(900)}${index}`),
  );
  assert.ok(value.length < 3_072);
  assert.deepEqual([decision.candidates.length, decision.of], [2, 20]);
});

test('is printable ASCII, as a header must be', () => {
  const { value, decision } = explained(['http://x/\u00e9\u2028\x7f'], 'r\u00f6ute\r\n');
  assert.match(value, /^[\x20-\x7e]+$/);
  assert.equal(decision.route, 'r\u00f6ute\r\n');
});
