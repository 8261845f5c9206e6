import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rawRequest } from '../fakes/raw-client.ts';
import { CHAT, chat } from './fleet.ts';
import { RoleFleet } from './roles.ts';

const roles = { prefill: [{}, {}], decode: [{}, {}] };
const prompt = 'Tell me about the sea. '.repeat(100);
let fleet: RoleFleet;

before(async () => {
  fleet = await RoleFleet.start(
    { cached: roles, split: roles, gone: { prefill: [{}], decode: [{}] }, down: { prefill: [{}], decode: [] } },
    {
      listeners: {
        public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics'] },
        trusted: { bind: '127.0.0.1:0', serve: ['openai'], allowExplain: true },
      },
      defaults: { health: { interval: '0s' }, stats: undefined },
      routes: [
        { name: 'cached', match: { models: ['cached'] }, algorithm: { type: 'prefix-aware' } },
        {
          name: 'split',
          match: { models: ['split'] },
          algorithm: {
            type: 'disaggregated-prefill',
            form: 'kv-transfer',
            prefill: { where: { role: 'prefill' }, algorithm: { type: 'prefix-aware' } },
            decode: { where: { role: 'decode' }, algorithm: { type: 'least-load' } },
          },
        },
        { name: 'rest', match: {} },
      ],
    },
  );
});
after(() => fleet.stop());

async function ask(listener: string, model: string, headers: Record<string, string> = { 'x-router-explain': '1' }) {
  const body = chat(model, { messages: [{ role: 'user', content: prompt }] });
  const url = fleet.fleet.router.urlOf(listener);
  const answer = await rawRequest(url, { method: 'POST', path: CHAT, headers, body });
  const text = answer.headers['x-router-decision'];
  return { status: answer.status, decision: text === undefined ? undefined : JSON.parse(String(text)) };
}

test('tells route, backend, algorithm, candidates with scores, and the matched share', async () => {
  const first = await ask('trusted', 'cached');
  assert.equal(first.status, 200);
  const { decision } = await ask('trusted', 'cached');
  const { route, algorithm, backend, matched, attempts, candidates, tried } = decision;
  assert.deepEqual([route, algorithm, attempts, tried], ['cached', 'prefix-aware', 1, undefined]);
  assert.equal(backend, first.decision.backend);
  assert.ok(matched > 0.7 && matched <= 1, `${matched}`);
  assert.equal(candidates.length, 4);
  assert.equal(candidates[0].backend, backend);
  assert.equal(candidates[0].matched, matched);
  for (const { score } of candidates) assert.ok(score >= candidates[0].score);
  const { prefill, decode } = fleet.of('cached');
  const urls = [...prefill, ...decode].map(({ url }) => url);
  assert.deepEqual(candidates.map((candidate: { backend: string }) => candidate.backend).sort(), urls.sort());
});

test('tells of both legs, and of what was tried before', async () => {
  const { prefill, decode } = fleet.of('split');
  prefill[0]!.faults.set({ kind: 'status', status: 503, count: 1 });
  const { status, decision } = await ask('trusted', 'split');
  assert.equal(status, 200);
  assert.deepEqual([decision.route, decision.algorithm, decision.attempts], ['split', 'least-load', 3]);
  assert.ok(decode.some(({ url }) => url === decision.backend));
  assert.equal(decision.tried, undefined);
  assert.deepEqual([decision.prefill.algorithm, decision.prefill.backend], ['prefix-aware', prefill[1]!.url]);
  assert.deepEqual(decision.prefill.tried, [prefill[0]!.url]);
});

test('errors tell as well where an attempt was made', async () => {
  const [engine] = fleet.of('down').prefill;
  await engine!.kill();
  const { status, decision } = await ask('trusted', 'down');
  assert.deepEqual([status, decision.backend], [503, engine!.url]);
  assert.deepEqual(await ask('trusted', 'nobody'), { status: 404, decision: undefined });
});

test('is silent at listeners that do not allow it, and where nobody asked', async () => {
  for (const headers of [{ 'x-router-explain': '1' }, {}] as Record<string, string>[]) {
    assert.deepEqual(await ask('public', 'cached', headers), { status: 200, decision: undefined });
  }
  for (const value of ['0', '', 'yes']) {
    assert.deepEqual((await ask('trusted', 'cached', { 'x-router-explain': value })).decision, undefined);
  }
  assert.equal((await ask('trusted', 'cached', {})).decision, undefined);
});

test('engines do not hear of it', () => {
  const { prefill, decode } = fleet.of('cached');
  for (const { headers } of [...prefill, ...decode].flatMap(({ requests }) => requests)) {
    assert.ok(!headers.some((name) => name.toLowerCase() === 'x-router-explain'));
  }
});
