import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { configFor } from '../fakes/spawn-router.ts';
import { Fleet } from './fleet.ts';

const SHADOW = [
  { type: 'round-robin' },
  { type: 'session', header: 'x-user' },
  { type: 'session', header: 'x-team' },
  { type: 'prefix-aware', indexSize: '1MiB' },
];
const routes = (shadow: readonly unknown[]) => [
  { name: 'chat', match: { models: ['watched'] }, algorithm: { type: 'round-robin' }, shadow },
  { name: 'rest', match: {} },
];
let fleet: Fleet;

before(async () => {
  fleet = await Fleet.start(
    { watched: [{}, {}], other: [{}] },
    { defaults: { health: { interval: '0s' } }, routes: routes(SHADOW) },
  );
});
after(() => fleet.stop());

const long = (index: number) => ({ messages: [{ role: 'user', content: `conversation ${index} `.repeat(300) }] });
const counted = (what: string, algorithm: string) =>
  fleet.count(`vllm_router_shadow_${what}_total`, `route="chat"`, `algorithm="${algorithm}"`);

test('other algorithms pick on the same requests; nothing more is sent', async () => {
  // Conversations of four turns, the same one never twice in a row.
  for (let count = 0; count < 12; count++) {
    assert.equal((await fleet.chat('watched', long(count % 3))).status, 200);
  }
  await fleet.chat('other');
  const engines = fleet.of('watched');
  const sent = engines.map(({ requests }) => requests.filter(({ method }) => method === 'POST').length);
  assert.equal(sent[0]! + sent[1]!, 12);
  for (const algorithm of ['live', 'round-robin', 'session', 'session-2', 'prefix-aware']) {
    assert.equal(await counted('picks', algorithm), 12, algorithm);
  }
  assert.equal(await counted('agreements', 'live'), 12);
  assert.equal(await counted('agreements', 'round-robin'), 12);
  assert.ok((await counted('agreements', 'prefix-aware')) < 12);
  const share = async (algorithm: string) =>
    (await counted('cached_bytes', algorithm)) / (await counted('prompt_bytes', algorithm));
  // Round-robin shows each conversation to both engines first: 6 of 12 are cached; at home 9 are.
  const [live, better] = [await share('live'), await share('prefix-aware')];
  assert.ok(live > 0.4 && live < 0.5, `${live}`);
  assert.ok(better > 0.65 && better < 0.75, `${better}`);
  assert.equal((await fleet.metrics('vllm_router_shadow_', 'route="rest"')).size, 0);
});

test('a reload that leaves them alone keeps their counts; one that takes them away removes the metrics', async () => {
  const backends = [...fleet.engines].flatMap(([model, list]) => list.map(({ url }) => ({ url, models: [model] })));
  const config = (shadow: readonly unknown[], firstByte: string) =>
    configFor(backends, { defaults: { health: { interval: '0s' }, timeouts: { firstByte } }, routes: routes(shadow) });
  await fleet.router.reload(config(SHADOW, '1m'));
  assert.equal(await counted('picks', 'prefix-aware'), 12);
  await fleet.router.reload(config([], '1m'));
  assert.equal((await fleet.metrics('vllm_router_shadow_picks_total')).size, 0);
  assert.equal((await fleet.chat('watched')).status, 200);
  // The route's own algorithm goes on where it stood.
  await fleet.router.reload(config(SHADOW.slice(0, 1), '1m'));
  assert.equal((await fleet.chat('watched')).status, 200);
  assert.deepEqual([await counted('picks', 'live'), await counted('picks', 'round-robin')], [1, 1]);
});
