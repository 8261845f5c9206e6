import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Engine } from '../../src/simulator/engine/engine.ts';
import type { Fault } from '../../src/simulator/engine/faults.ts';
import type { RequestRecord } from '../../src/simulator/engine/record.ts';
import { sseEvents } from '../fakes/framing.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { spawnRouter } from '../fakes/spawn-router.ts';
import { CHAT, chat, errorOf, eventually } from './fleet.ts';
import { RoleFleet } from './roles.ts';

const two = { prefill: [{}, {}], decode: [{}, {}] };
const one = { prefill: [{}], decode: [{}] };
const slow = { prefill: [{ prefillRate: 1 }], decode: [{ decodeRate: 5 }] };
const algorithm = (form: string, more = {}) => ({
  type: 'disaggregated-prefill',
  form,
  prefill: { where: { role: 'prefill' } },
  decode: { where: { role: 'decode' }, ...more },
});
let roles: RoleFleet;

before(async () => {
  roles = await RoleFleet.start(
    {
      ...Object.fromEntries(
        ['mt', 'mt-rows', 'mt-dead', 'mt-retry', 'mt-other', 'mt-direct', 'mt-pin', 'mt-alias', 'mt-flags'].map(
          (name) => [name, two],
        ),
      ),
      ...Object.fromEntries(
        ['kv', 'kv-messages', 'kv-dead', 'kv-again', 'kv-refused', 'kv-last'].map((name) => [name, two]),
      ),
      ...Object.fromEntries(['mt-400', 'mt-503', 'kv-mute', 'mt-timeout'].map((name) => [name, one])),
      'mt-no-prefill': { prefill: [], decode: [{}] },
      'mt-no-decode': { prefill: [{}], decode: [] },
      'fall-back': { prefill: [], decode: [{}] },
      'mt-leaves': { prefill: slow.prefill, decode: [{}] },
      'kv-leaves': { prefill: [{}], decode: slow.decode },
      'mt-least': two,
    },
    {
      defaults: { health: { interval: '0s' } },
      models: { aliases: { short: 'mt-alias' } },
      routes: [
        {
          name: 'fall-back',
          match: { models: ['fall-back'] },
          algorithm: algorithm('max-tokens'),
          fallback: ['plain'],
        },
        {
          name: 'timeout',
          match: { models: ['mt-timeout'] },
          algorithm: algorithm('max-tokens'),
          timeouts: { firstByte: '200ms' },
        },
        {
          name: 'classic',
          match: { models: ['mt*'] },
          algorithm: algorithm('max-tokens', { algorithm: { type: 'least-load' } }),
        },
        { name: 'kv', match: { models: ['kv*'] }, algorithm: algorithm('kv-transfer') },
        { name: 'plain', match: {} },
      ],
    },
  );
});
after(() => roles.stop());

const post = (path: string, body: unknown) => roles.fleet.request({ method: 'POST', path, body });
const ask = (model: string, more = {}) => roles.fleet.chat(model, more);
const got = ({ requests }: Engine): RequestRecord[] => requests.filter(({ method }) => method === 'POST');
const counts = (engines: readonly Engine[]) => engines.map((engine) => got(engine).length);
const text = (record: RequestRecord) => record.body!.toString();
const params = (record: RequestRecord) => JSON.parse(text(record)).kv_transfer_params;
const each = (engines: readonly Engine[], ...faults: Fault[]) => {
  for (const engine of engines) engine.faults.set(...faults);
};

test('max-tokens: prefill gets one token to do, decode the bytes that came, and the client its stream', async () => {
  const { prefill, decode } = roles.of('mt');
  const body = `{"model":"mt", "seed":9223372036854775807, "max_tokens":3,"stream":true,"min_tokens":2,"messages":[{"role":"user","content":"Grüße \\u00e9"}]}`;
  const answer = await post(CHAT, body);
  assert.equal(answer.status, 200);
  assert.equal(sseEvents(answer.body.toString()).at(-1)?.data, '[DONE]');
  assert.equal(
    text(got(prefill[0]!)[0]!),
    `{"model":"mt", "seed":9223372036854775807, "max_tokens":1,"stream":false,"messages":[{"role":"user","content":"Grüße \\u00e9"}]}`,
  );
  assert.equal(text(decode.flatMap(got)[0]!), body);
  assert.deepEqual([counts(prefill), decode.flatMap(got).length], [[1, 0], 1]);
});

test('kv-transfer: decode gets what prefill handed over, with its host, behind the bytes that came', async () => {
  const { prefill, decode } = roles.of('kv');
  const body = '{"model":"kv","seed":9223372036854775807,"messages":[{"role":"user","content":"x"}] }';
  const answer = await post(CHAT, body);
  assert.equal(answer.status, 200);
  const [first] = got(prefill[0]!);
  assert.deepEqual(params(first!), {
    do_remote_decode: true,
    do_remote_prefill: false,
    remote_engine_id: null,
    remote_block_ids: null,
    remote_host: null,
    remote_port: null,
  });
  const [second] = got(decode[0]!);
  const handed = text(second!).slice(
    '{"model":"kv","seed":9223372036854775807,"messages":[{"role":"user","content":"x"}]'.length,
  );
  assert.match(handed, /^,"kv_transfer_params":\{"do_remote_prefill":true,.*\} \}$/);
  const { remote_host, remote_request_id, do_remote_prefill } = params(second!);
  assert.deepEqual([remote_host, do_remote_prefill], ['127.0.0.1', true]);
  assert.match(remote_request_id, new RegExp(first!.requestId));
});

test('each role goes by its own algorithm, over N × M backends of the model', async () => {
  const { prefill, decode } = roles.of('mt-rows');
  for (let count = 0; count < 4; count++) assert.equal((await ask('mt-rows')).status, 200);
  assert.deepEqual(counts(prefill), [2, 2]);
  assert.deepEqual(counts(decode), [2, 2]);
});

test('/v1/messages and /v1/completions are split too', async () => {
  const { prefill, decode } = roles.of('kv-messages');
  const asked = { model: 'kv-messages', max_tokens: 3, stream: true };
  const message = await post('/v1/messages', { ...asked, messages: [{ role: 'user', content: 'x' }] });
  assert.equal(sseEvents(message.body.toString()).at(-1)?.event, 'message_stop');
  const completion = await post('/v1/completions', { ...asked, prompt: 'x' });
  assert.equal(sseEvents(completion.body.toString()).at(-1)?.data, '[DONE]');
  assert.deepEqual(
    [counts(prefill), counts(decode)],
    [
      [1, 1],
      [1, 1],
    ],
  );
  for (const record of decode.flatMap(got)) assert.equal(params(record).do_remote_prefill, true);
});

test('an alias is followed in both legs', async () => {
  const { prefill, decode } = roles.of('mt-alias');
  assert.equal((await ask('short')).status, 200);
  for (const record of [...prefill, ...decode].flatMap(got)) assert.equal(JSON.parse(text(record)).model, 'mt-alias');
  assert.deepEqual([prefill.flatMap(got).length, decode.flatMap(got).length], [1, 1]);
});

test('what is no generation goes to a decode backend as it is', async () => {
  const { prefill, decode } = roles.of('mt-direct');
  assert.equal((await post('/tokenize', { model: 'mt-direct', prompt: 'x' })).status, 200);
  assert.equal((await post('/v1/messages/count_tokens', { model: 'mt-direct', messages: [] })).status, 200);
  assert.deepEqual([counts(prefill), decode.flatMap(got).length], [[0, 0], 2]);
});

test('?id= sends the whole request to that backend', async () => {
  const { prefill, decode } = roles.of('mt-pin');
  const engines = JSON.parse((await roles.fleet.request({ path: '/engines' })).body.toString()) as {
    engine_id: string;
    serving_models: string[];
  }[];
  const ids = engines
    .filter(({ serving_models }) => serving_models.includes('mt-pin'))
    .map(({ engine_id }) => engine_id);
  for (const id of ids) assert.equal((await post(`${CHAT}?id=${id}`, chat('mt-pin'))).status, 200);
  assert.deepEqual(
    [counts(prefill), counts(decode)],
    [
      [1, 1],
      [1, 1],
    ],
  );
  for (const record of [...prefill, ...decode].flatMap(got)) assert.match(text(record), /"max_tokens":4/);
});

test('a prefill backend that is gone is replaced by another, at no cost', async () => {
  const { prefill, decode } = roles.of('mt-dead');
  await prefill[0]!.kill();
  for (let count = 0; count < 4; count++) assert.equal((await ask('mt-dead')).status, 200);
  assert.deepEqual([counts(prefill)[1], decode.flatMap(got).length], [4, 4]);
  assert.ok((await roles.fleet.count('vllm_router_upstream_failures_total', prefill[0]!.url, 'connect_failed')) >= 1);
});

test('a prefill that fails is repeated elsewhere; decode hears nothing of it', async () => {
  const { prefill, decode } = roles.of('mt-retry');
  prefill[0]!.faults.set({ kind: 'cut', at: 'request', how: 'rst', count: 1 });
  assert.equal((await ask('mt-retry')).status, 200);
  assert.deepEqual([counts(prefill), decode.flatMap(got).length], [[1, 1], 1]);
});

test('what a prefill backend says against a request is the answer, with its status and body', async () => {
  const { prefill, decode } = roles.of('mt-400');
  const refused = await ask('mt-400', { max_tokens: 4, temperature: -1 });
  const direct = await roles.fleet.request({ path: '/health' });
  assert.equal(direct.status, 200);
  assert.equal(refused.status, 400);
  assert.equal(errorOf(refused).type, 'BadRequestError');
  assert.deepEqual([counts(prefill), counts(decode)], [[1], [0]]);
});

test('a full prefill pool is answered as its engine does', async () => {
  const { prefill, decode } = roles.of('mt-503');
  each(prefill, { kind: 'error-event', status: 503 });
  const answer = await ask('mt-503', { stream: true });
  assert.deepEqual([answer.status, errorOf(answer).type], [503, 'Service Unavailable']);
  assert.equal(answer.headers['retry-after'], '1');
  assert.deepEqual(counts(decode), [0]);
});

test('without anybody for a role the other is left alone', async () => {
  const missing = await ask('mt-no-prefill');
  assert.deepEqual(
    [missing.status, errorOf(missing).code, missing.headers['retry-after']],
    [503, 'prefill_unavailable', '2'],
  );
  assert.deepEqual(counts(roles.of('mt-no-prefill').decode), [0]);
  const other = await ask('mt-no-decode');
  assert.deepEqual([other.status, errorOf(other).code], [503, 'decode_unavailable']);
  assert.match(errorOf(other).message, /^DECODE_SERVICE_UNAVAILABLE/);
  assert.deepEqual(counts(roles.of('mt-no-decode').prefill), [0]);
  assert.equal((await ask('mt-unknown')).status, 404);
});

test('a role whose backends are all gone says which it is', async () => {
  const { prefill } = roles.of('kv-dead');
  await Promise.all(prefill.map((engine) => engine.kill()));
  const answer = await ask('kv-dead');
  assert.deepEqual([answer.status, errorOf(answer).code], [503, 'prefill_unavailable']);
});

test('a route with roles can fall back to one without', async () => {
  assert.equal((await ask('fall-back')).status, 200);
  const [record] = got(roles.of('fall-back').decode[0]!);
  assert.match(text(record!), /"max_tokens":4/);
});

test('max-tokens: a failed decode goes to another decode backend, the prompt is not computed again', async () => {
  const { prefill, decode } = roles.of('mt-other');
  decode[0]!.faults.set({ kind: 'cut', at: 'headers', how: 'rst', count: 1 });
  assert.equal((await ask('mt-other', { stream: true })).status, 200);
  assert.deepEqual([prefill.flatMap(got).length, counts(decode)], [1, [1, 1]]);
});

test('kv-transfer: a decode backend that saw the handover has spent it', async () => {
  const { prefill, decode } = roles.of('kv-again');
  decode[0]!.faults.set({ kind: 'cut', at: 'headers', how: 'rst', count: 1 });
  const answer = await ask('kv-again', { stream: true });
  assert.equal(answer.status, 200);
  assert.deepEqual([prefill.flatMap(got).length, counts(decode)], [2, [1, 1]]);
  const line = await roles.fleet.line('kv-again');
  assert.equal(line['attempts'], 4);
});

test('kv-transfer: a decode backend that was never reached has not', async () => {
  const { prefill, decode } = roles.of('kv-refused');
  await decode[0]!.kill();
  assert.equal((await ask('kv-refused')).status, 200);
  assert.deepEqual([prefill.flatMap(got).length, counts(decode)[1]], [1, 1]);
});

test('kv-transfer: with no decode backend left nothing is prefilled in vain', async () => {
  const { prefill, decode } = roles.of('kv-last');
  each(decode, { kind: 'status', status: 500 });
  const answer = await ask('kv-last');
  assert.equal(answer.status, 500);
  assert.deepEqual([prefill.flatMap(got).length, counts(decode)], [2, [1, 1]]);
});

test('a prefill backend that hands nothing over: decode computes the prompt, and the log says so once', async () => {
  const { prefill, decode } = roles.of('kv-mute');
  each(prefill, { kind: 'status', status: 200, body: '{"id":"x","kv_transfer_params":null}' });
  for (let count = 0; count < 2; count++) assert.equal((await ask('kv-mute')).status, 200);
  for (const record of decode.flatMap(got)) assert.equal(params(record), undefined);
  const said = roles.fleet.router.logs.filter(({ msg }) => msg?.includes('without kv_transfer_params'));
  assert.equal(said.length, 1);
});

test('a prefill that hangs is given up after the time for the first byte', async () => {
  const { prefill } = roles.of('mt-timeout');
  each(prefill, { kind: 'silence', at: 'request' });
  const answer = await ask('mt-timeout');
  assert.deepEqual([answer.status, errorOf(answer).code], [504, 'upstream_timeout']);
});

test('a client that leaves stops whichever leg runs', async () => {
  const [first] = roles.of('mt-leaves').prefill;
  const inPrefill = await roles.fleet.open('mt-leaves');
  await eventually(() => first!.running + first!.waiting === 1);
  inPrefill.destroy();
  await eventually(() => first!.counts.aborted === 1 && first!.running + first!.waiting === 0);
  assert.deepEqual(counts(roles.of('mt-leaves').decode), [0]);
  const [last] = roles.of('kv-leaves').decode;
  const inDecode = await roles.fleet.open('kv-leaves', { max_tokens: 500 });
  await eventually(() => last!.running === 1);
  inDecode.destroy();
  await eventually(() => last!.counts.aborted === 1 && last!.running === 0);
  await eventually(async () => (await roles.fleet.count('vllm_router_inflight_requests')) === 0);
  assert.equal((await roles.fleet.line('mt-leaves'))['status'], 499);
});

test('each leg counts at its own backend', async () => {
  const { prefill, decode } = roles.of('mt-least');
  await Promise.all(Array.from({ length: 8 }, () => ask('mt-least')));
  const attempts = (engines: readonly Engine[]) =>
    Promise.all(engines.map(({ url }) => roles.fleet.count('vllm_router_attempts_total', url)));
  assert.deepEqual([await attempts(prefill), await attempts(decode)], [counts(prefill), counts(decode)]);
  assert.deepEqual([prefill.flatMap(got).length, decode.flatMap(got).length], [8, 8]);
  assert.equal(await roles.fleet.count('vllm:output_tokens_total', prefill[0]!.url), 4);
  assert.equal(await roles.fleet.count('vllm:num_requests_running'), 0);
});

test('legs are counted by role and by how they ended', async () => {
  const legs = (route: string, role: string, result: string) =>
    roles.fleet.count('vllm_router_legs_total', `route="${route}"`, `role="${role}"`, `result="${result}"`);
  assert.equal(await legs('kv', 'prefill', 'alone'), 2);
  assert.ok((await legs('kv', 'prefill', 'failed')) >= 1);
  assert.ok((await legs('kv', 'decode', 'aborted')) >= 1);
  assert.ok((await legs('kv', 'decode', 'failed')) >= 1);
  assert.ok((await legs('classic', 'prefill', 'aborted')) >= 1);
  assert.ok((await legs('classic', 'decode', 'ok')) >= 8);
  assert.equal(await legs('timeout', 'prefill', 'failed'), 1);
  assert.equal(await legs('timeout', 'decode', 'failed'), 0);
});

test("the original router's flags make such a route", async () => {
  const { prefill, decode } = roles.of('mt-flags');
  const engines = [...prefill, ...decode];
  const csv = (value: (engine: Engine) => string) => engines.map(value).join(',');
  const router = await spawnRouter({
    bare: true,
    config: '',
    flags: [
      ...['--host', '127.0.0.1', '--port', '0', '--service-discovery', 'static'],
      ...['--static-backends', csv(({ url }) => url), '--static-models', csv(() => 'mt-flags')],
      ...['--static-model-labels', csv((engine) => (prefill.includes(engine) ? 'pre' : 'dec'))],
      ...['--routing-logic', 'disaggregated_prefill_orchestrated'],
      ...['--prefill-model-labels', 'pre', '--decode-model-labels', 'dec', '--set', 'shutdown.delay=0s'],
    ],
  });
  try {
    for (let count = 0; count < 4; count++) {
      const answer = await rawRequest(router.url, { method: 'POST', path: CHAT, body: chat('mt-flags') });
      assert.equal(answer.status, 200);
    }
    assert.deepEqual(
      [counts(prefill), counts(decode)],
      [
        [2, 2],
        [2, 2],
      ],
    );
    assert.ok(decode.flatMap(got).every((record) => params(record).do_remote_prefill));
  } finally {
    await router.stop('SIGKILL');
  }
});
