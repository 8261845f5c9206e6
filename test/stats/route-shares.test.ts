import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteShares } from '../../src/stats/route-shares.ts';

const START = 1_000_000;

test('attempts of the window by server; what is older is gone', () => {
  const shares = new RouteShares(60_000);
  for (let i = 0; i < 3; i++) shares.dispatched('chat', 'http://a', START + i);
  shares.dispatched('chat', 'http://b', START + 30_000);
  shares.dispatched('rest', 'http://b', START);
  assert.deepEqual(
    [...shares.of('chat', START + 30_000)],
    [
      ['http://a', 3],
      ['http://b', 1],
    ],
  );
  assert.deepEqual([...shares.of('chat', START + 70_000)], [['http://b', 1]]);
  assert.deepEqual([...shares.of('chat', START + 200_000)], []);
  assert.deepEqual([...shares.of('nowhere', START)], []);
});

test('servers that are retired and routes that a config no longer has are forgotten; another window starts empty', () => {
  const shares = new RouteShares(60_000);
  for (const route of ['chat', 'rest']) for (const server of ['a', 'b']) shares.dispatched(route, server, START);
  shares.forget('a');
  assert.deepEqual([...shares.of('chat', START)], [['b', 1]]);
  shares.keep(new Set(['chat']));
  assert.equal(shares.of('rest', START).size, 0);
  shares.configure(60_000);
  assert.equal(shares.of('chat', START).size, 1);
  shares.configure(30_000);
  assert.equal(shares.of('chat', START).size, 0);
});
