import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fleet } from '../integration/fleet.ts';

/** What runs against real engines have found, each as its smallest case. */
test('an engine that drains costs no request, however many meet it at once, and gets no more', async (t) => {
  const fleet = await Fleet.start({ m: [{}, {}] }, { defaults: { circuitBreaker: { openFor: '1m' } } });
  t.after(() => fleet.stop());
  const [draining] = fleet.of('m');
  draining!.faults.set({ kind: 'drain' });
  const burst = () => Promise.all(Array.from({ length: 40 }, () => fleet.chat('m')));
  for (const { status, body } of await burst()) assert.equal(status, 200, body.toString());
  const posts = () => draining!.requests.filter(({ method }) => method === 'POST').length;
  const met = posts();
  assert.ok(met > 1);
  for (const { status } of await burst()) assert.equal(status, 200);
  assert.equal(posts(), met);
});
