import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Engine } from '../../src/simulator/engine/engine.ts';
import type { Fault } from '../../src/simulator/engine/faults.ts';
import { sseEvents } from '../fakes/framing.ts';
import { eventually } from './fleet.ts';
import { RoleFleet } from './roles.ts';

const engines = (count: number) => Array.from({ length: count }, (_, seed) => ({ seed: seed + 1 }));
const FAULTS: readonly Fault[] = [
  { kind: 'cut', at: 'request', how: 'rst', probability: 0.05 },
  { kind: 'cut', at: 'headers', how: 'fin', probability: 0.05 },
  { kind: 'status', status: 500, probability: 0.05 },
  { kind: 'error-event', status: 503, probability: 0.1 },
  { kind: 'status', status: 429, probability: 0.05 },
];
const where = (role: string) => ({ where: { role } });
let roles: RoleFleet;

before(async () => {
  const routes = ['kv-transfer', 'max-tokens'].map((form) => ({
    name: form,
    match: { models: [form] },
    algorithm: {
      type: 'disaggregated-prefill',
      form,
      prefill: where('prefill'),
      decode: { ...where('decode'), algorithm: { type: 'least-load' } },
    },
    retry: { attempts: 3, budget: 1 },
    circuitBreaker: { failures: 1_000 },
  }));
  const algorithm = { type: 'disaggregated-prefill', prefill: where('prefill'), decode: where('decode') };
  routes.push({
    ...routes[0]!,
    name: 'limited',
    match: { models: ['limited'] },
    algorithm: algorithm as never,
    ...{ limits: { inflightPerBackend: 1 } },
  });
  const fleet = { prefill: engines(3), decode: engines(3) };
  roles = await RoleFleet.start(
    { 'kv-transfer': fleet, 'max-tokens': fleet, limited: { prefill: engines(1), decode: engines(1) } },
    { defaults: { health: { interval: '0s' } }, routes },
  );
});
after(() => roles.stop());

const posted = (list: readonly Engine[]) =>
  list.flatMap(({ requests }) => requests.filter(({ method }) => method === 'POST'));

for (const form of ['kv-transfer', 'max-tokens']) {
  test(`${form}: whatever fails, answers are whole, nothing is handed to two backends, and nothing stays behind`, async () => {
    const { prefill, decode } = roles.of(form);
    for (const engine of [...prefill, ...decode]) engine.faults.set(...FAULTS);
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, count) => roles.fleet.chat(form, { stream: count % 2 === 0, seed: count })),
    );
    for (const { status, clean, headers, body } of answers) {
      assert.ok([200, 429, 500, 502, 503].includes(status), `${status}`);
      assert.ok(clean);
      if (status !== 200) continue;
      if (String(headers['content-type']).includes('event-stream')) {
        assert.equal(sseEvents(body.toString()).at(-1)?.data, '[DONE]');
      } else assert.ok(JSON.parse(body.toString()).choices[0].message.content.length > 0);
    }
    const good = answers.filter(({ status }) => status === 200).length;
    console.log('GOOD', good);
    assert.ok(good > 90, `${good} of 120`);
    // A request that met a stale connection is sent again, to the same engine.
    const handed = new Map<string, Engine>();
    for (const engine of decode) {
      for (const { body } of posted([engine])) {
        const params = JSON.parse(body!.toString()).kv_transfer_params;
        assert.equal(params !== undefined, form === 'kv-transfer');
        if (params === undefined) continue;
        const blocks = String(params.remote_block_ids);
        assert.equal(handed.get(blocks) ?? engine, engine);
        handed.set(blocks, engine);
      }
    }
    assert.ok(posted(prefill).every(({ body }) => body!.includes('"max_tokens":1')));
    await eventually(async () => (await roles.fleet.count('vllm_router_inflight_requests')) === 0);
    assert.equal(await roles.fleet.count('vllm:num_requests_running'), 0);
    await eventually(() => [...prefill, ...decode].every(({ running, waiting }) => running + waiting === 0));
  });
}

test('limits hold for each role, and neither waits in the queue of the other', async () => {
  const { prefill, decode } = roles.of('limited');
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, ...[...prefill, ...decode].map(({ running, waiting }) => running + waiting));
  }, 1);
  const answers = await Promise.all(Array.from({ length: 12 }, () => roles.fleet.chat('limited')));
  clearInterval(watch);
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(most, 1);
  assert.deepEqual([posted(prefill).length, posted(decode).length], [12, 12]);
});
