import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Engine } from '../../src/simulator/engine/engine.ts';
import type { EngineOptions } from '../../src/simulator/engine/options.ts';
import { sseEvents } from '../fakes/framing.ts';
import type { RawResponse } from '../fakes/raw-client.ts';
import type { LogLine } from '../fakes/spawn-router.ts';
import { CHAT, errorOf, eventually, Fleet } from './fleet.ts';

/** Two engines for each fault, so that what a test does to its engines stays there. */
const PAIRS = [
  ...['refused', 'allrefused', 'disconnect', 'headers', 'stall', 'reset', 'short', 'eof', 'abort', 'event', 'late'],
  ...[
    'crash',
    'e500',
    'both500',
    's503',
    'all503',
    'r429',
    'both429',
    'c400',
    'bad',
    'upgrade',
    'hints',
    'firstbyte',
    'total',
  ],
  ...['breaker', 'half', 'probe', 'drain500', 'paused', 'terminated', 'asleep'],
];
const policy = (model: string, more: Readonly<Record<string, unknown>>) => ({
  name: model,
  match: { models: [model] },
  ...more,
});
let fleet: Fleet;

before(async () => {
  const models: Record<string, EngineOptions[]> = Object.fromEntries(PAIRS.map((name) => [name, [{}, {}]]));
  models['single'] = [{}];
  // One more than a request may kill.
  for (const name of ['cutall', 'poison']) models[name] = [{}, {}, {}];
  models['busy'] = [{ maxQueued: 0 }, {}];
  fleet = await Fleet.start(models, {
    listeners: { public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics', 'sleep'] } },
    defaults: { health: { interval: '0s' }, stats: undefined },
    routes: [
      policy('stall', { timeouts: { idle: '300ms' } }),
      policy('firstbyte', { timeouts: { firstByte: '200ms' }, retry: { attempts: 1 } }),
      policy('total', { timeouts: { total: '300ms' } }),
      policy('half', { circuitBreaker: { failures: 2, openFor: '300ms' } }),
      policy('probe', { circuitBreaker: { failures: 2, openFor: '300ms' } }),
      policy('drain500', { circuitBreaker: { openFor: '30s' } }),
      policy('refused-fallback', { backends: { where: { none: 'such' } }, fallback: ['rest'] }),
      { name: 'rest', match: {} },
    ],
  });
});
after(() => fleet.stop());

const pair = (model: string) => fleet.of(model) as readonly [Engine, Engine];
const failures = (engine: Engine, reason: string) =>
  fleet.count('vllm_router_upstream_failures_total', engine.url, `reason="${reason}"`);
const chats = ({ requests }: Engine) => requests.filter(({ url }) => url === CHAT);
const got = (engine: Engine) => chats(engine).length;
const done = (engine: Engine) => chats(engine).filter(({ outcome }) => outcome === 'completed').length;
const idle = () => fleet.count('vllm_router_inflight_requests');

test('fault 1: a refused connect goes to another backend, at no cost', async () => {
  const [a, b] = pair('refused');
  await a.kill();
  for (let count = 0; count < 10; count++) assert.equal((await fleet.chat('refused')).status, 200);
  assert.equal(done(b), 10);
  assert.ok((await failures(a, 'connect_failed')) >= 1);
});

test('fault 1: all refused is 503 backend_unavailable with a short Retry-After', async () => {
  for (const engine of pair('allrefused')) await engine.kill();
  const answer = await fleet.chat('allrefused');
  assert.deepEqual([answer.status, errorOf(answer).code], [503, 'backend_unavailable']);
  assert.ok(Number(answer.headers['retry-after']) <= 5);
  const line = await fleet.line('allrefused');
  assert.deepEqual([line['flag'], line['attempts'], line['error']], ['UF', 2, 'backend_unavailable']);
});

for (const how of ['rst', 'fin'] as const) {
  test(`fault 3: ${how} before the headers goes to another backend, once`, async () => {
    const [a, b] = pair('disconnect');
    a.faults.set({ kind: 'cut', at: 'request', how, count: 1 });
    const before = { done: done(a) + done(b), failed: await failures(a, 'disconnected') };
    const repeated = await fleet.count('vllm_router_retries_total', 'reason="disconnected"', 'result="sent"');
    // Whichever of the two comes to the first backend is cut there.
    const answers = [await fleet.chat('disconnect'), await fleet.chat('disconnect')];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    assert.equal(done(a) + done(b), before.done + 2);
    assert.equal(await failures(a, 'disconnected'), before.failed + 1);
    assert.equal(
      await fleet.count('vllm_router_retries_total', 'reason="disconnected"', 'result="sent"'),
      repeated + 1,
    );
    const attempts = await Promise.all(
      answers.map(async ({ headers }) => {
        const line = await fleet.router.logged(({ request }) => request === headers['x-request-id']);
        return Number(line['attempts']);
      }),
    );
    assert.deepEqual(attempts.sort(), [1, 2]);
  });
}

test('fault 22: a request that two backends died of is 502 poison_request, and no third gets it', async () => {
  for (const engine of fleet.of('cutall')) engine.faults.set({ kind: 'cut', at: 'request', how: 'rst' });
  const answer = await fleet.chat('cutall');
  assert.deepEqual([answer.status, errorOf(answer).code], [502, 'poison_request']);
  assert.equal(answer.headers['x-should-retry'], 'false');
  assert.deepEqual(fleet.of('cutall').map(got).sort(), [0, 1, 1]);
  const dead = await Promise.all(fleet.of('cutall').map((engine) => failures(engine, 'disconnected')));
  assert.deepEqual(dead.sort(), [0, 1, 1]);
});

test('fault 3: with no other backend it is 502 backend_disconnected', async () => {
  const [engine] = fleet.of('single');
  engine!.faults.set({ kind: 'cut', at: 'request', how: 'fin' });
  const answer = await fleet.chat('single');
  engine!.faults.clear();
  assert.deepEqual([answer.status, errorOf(answer).code], [502, 'backend_disconnected']);
  assert.equal((await fleet.line('single'))['flag'], 'UC');
});

test('fault 7: headers, then death before the first event: another backend’s stream', async () => {
  const [a, b] = pair('headers');
  a.faults.set({ kind: 'cut', at: 'headers', how: 'rst' });
  const answer = await fleet.chat('headers', { stream: true });
  assert.equal(answer.status, 200);
  assert.ok(answer.clean);
  assert.equal(sseEvents(answer.body).at(-1)!.data, '[DONE]');
  assert.equal(done(b), 1);
  assert.equal(await failures(a, 'truncated'), 1);
  const line = await fleet.line('headers');
  assert.deepEqual([line['status'], line['flag'], line['attempts']], [200, '-', 2]);
});

test('fault 8: a stall in a stream is an error event and a cut, and the backend’s work is aborted', async () => {
  const [a, b] = pair('stall');
  a.faults.set({ kind: 'silence', at: 2 });
  const answer = await fleet.chat('stall', { stream: true, max_tokens: 50 });
  assert.equal(answer.clean, false);
  const events = sseEvents(answer.body);
  assert.equal(JSON.parse(events.at(-1)!.data).error.code, 'stream_timeout');
  assert.ok(!answer.body.includes('[DONE]'));
  await eventually(() => a.open === 0);
  const line = await fleet.line('stall');
  assert.deepEqual([line['flag'], line['error']], ['SI', 'stream_timeout']);
  assert.equal(await fleet.count('vllm_router_stream_terminations_total', 'stream_timeout'), 1);
  assert.equal(await failures(a, 'idle_timeout'), 1);
  assert.equal(got(b), 0);
});

test('fault 9: a reset in a stream is an error event and a cut', async () => {
  const [a, b] = pair('reset');
  a.faults.set({ kind: 'cut', at: 3, how: 'rst' });
  const answer = await fleet.chat('reset', { stream: true, max_tokens: 50 });
  assert.equal(answer.clean, false);
  assert.equal(JSON.parse(sseEvents(answer.body).at(-1)!.data).error.code, 'stream_interrupted');
  assert.equal(got(b), 0);
  assert.equal((await fleet.line('reset'))['flag'], 'UC');
  assert.equal(await failures(a, 'truncated'), 1);
  assert.ok((await fleet.count('vllm_router_stream_terminations_total', 'stream_interrupted')) >= 1);
  // Each counts against the backend: with five in a row it gets no more.
  while (got(a) < 5) await fleet.chat('reset', { stream: true, max_tokens: 50 });
  assert.equal(await fleet.count('vllm_router_backend_state', a.url, 'state="ejected"'), 1);
});

test('fault 10: a JSON answer cut short is repeated at another backend', async () => {
  const [a, b] = pair('short');
  a.faults.set({ kind: 'malformed', how: 'short-length' });
  const answer = await fleet.chat('short');
  assert.equal(answer.status, 200);
  assert.equal(done(b), 1);
});

test('fault 11: a clean end without a finish_reason is incomplete_stream', async () => {
  const [a, b] = pair('eof');
  a.faults.set({ kind: 'no-done', at: 2 });
  const answer = await fleet.chat('eof', { stream: true, max_tokens: 50 });
  assert.equal(answer.clean, false);
  assert.equal(JSON.parse(sseEvents(answer.body).at(-1)!.data).error.code, 'incomplete_stream');
  assert.ok(!answer.body.includes('[DONE]'));
  assert.equal(await failures(a, 'incomplete_stream'), 1);
  assert.equal(await fleet.count('vllm_router_stream_terminations_total', 'incomplete_stream'), 1);
  assert.equal(got(b), 0);
});

test('fault 12: finish_reason abort goes through unchanged and is no success', async () => {
  const [a] = pair('abort');
  a.faults.set({ kind: 'abort', at: 2 });
  const answer = await fleet.chat('abort', { stream: true, max_tokens: 50 });
  assert.ok(answer.clean);
  assert.ok(answer.body.includes('"finish_reason":"abort"'));
  assert.equal(sseEvents(answer.body).at(-1)!.data, '[DONE]');
  const samples = await fleet.metrics('vllm:request_latency_seconds_count', a.url);
  assert.deepEqual(
    [...samples.keys()].map((key) => /status="(\w+)"/.exec(key)?.[1]),
    ['aborted'],
  );
});

test('fault 13: an error as the first event of a 200 stream is that status and goes to another backend', async () => {
  const [a, b] = pair('event');
  a.faults.set({ kind: 'error-event', status: 503 });
  const answer = await fleet.chat('event', { stream: true });
  assert.equal(answer.status, 200);
  assert.equal(sseEvents(answer.body).at(-1)!.data, '[DONE]');
  assert.equal(done(b), 1);
  b.faults.set({ kind: 'error-event', status: 503 });
  const refused = await fleet.chat('event', { stream: true });
  assert.equal(refused.status, 503);
  assert.equal(refused.headers['content-type'], 'application/json');
  assert.ok(Number(refused.headers['retry-after']) <= 5);
});

test('fault 13: an error event in the middle goes through unchanged, and is a failure of the backend', async () => {
  const [a] = pair('late');
  a.faults.set({ kind: 'crash', at: 3 });
  const answer = await fleet.chat('late', { stream: true, max_tokens: 50 });
  assert.ok(answer.clean, 'as the engine ended it');
  const events = sseEvents(answer.body);
  assert.equal(JSON.parse(events.at(-2)!.data).error.code, 500);
  assert.equal(await failures(a, 'error_event'), 1);
});

test('fault 14: a 500 gets one more chance elsewhere; a second is the answer, verbatim', async () => {
  const [a, b] = pair('e500');
  a.faults.set({ kind: 'status', status: 500, body: '{"error":{"message":"boom","code":500}}' });
  assert.equal((await fleet.chat('e500')).status, 200);
  assert.equal(done(b), 1);
  for (const engine of pair('both500'))
    engine.faults.set({ kind: 'status', status: 500, body: '{"error":{"message":"boom"}}' });
  const answer = await fleet.chat('both500');
  assert.deepEqual([answer.status, answer.body.toString()], [500, '{"error":{"message":"boom"}}']);
});

test('fault 15: 503 goes to another backend; when all say so, the last goes through verbatim with a Retry-After', async () => {
  const [a, b] = pair('s503');
  a.faults.set({ kind: 'status', status: 503, body: '{"error":{"message":"proxy"}}' });
  assert.equal((await fleet.chat('s503')).status, 200);
  assert.equal(done(b), 1);
  for (const engine of pair('all503'))
    engine.faults.set({ kind: 'status', status: 503, body: '{"error":{"message":"x"}}' });
  const answer = await fleet.chat('all503');
  assert.deepEqual([answer.status, answer.body.toString()], [503, '{"error":{"message":"x"}}']);
  assert.ok(Number(answer.headers['retry-after']) <= 5);
});

test('fault 16: a 429 goes to one other backend, and its backend is left alone as long as it asked', async () => {
  const [a, b] = pair('r429');
  a.faults.set({ kind: 'status', status: 429, retryAfter: '30', body: '{"error":{"message":"slow down"}}' });
  for (let count = 0; count < 6; count++) assert.equal((await fleet.chat('r429')).status, 200);
  assert.equal(got(a), 1);
  assert.equal(done(b), 6);
  for (const engine of pair('both429')) {
    engine.faults.set({ kind: 'status', status: 429, retryAfter: '300', body: '{"error":{"message":"no"}}' });
  }
  const answer = await fleet.chat('both429');
  assert.deepEqual([answer.status, answer.headers['retry-after']], [429, '5']);
  assert.equal(answer.body.toString(), '{"error":{"message":"no"}}');
  const [c, d] = pair('both429');
  assert.equal(got(c) + got(d), 2);
  for (const { url } of [a, b, c, d]) assert.equal(await fleet.count('vllm_router_backend_state', url, 'ready'), 1);
});

test('fault 17: any other 4xx is the answer, verbatim, and says nothing of health', async () => {
  const [a, b] = pair('c400');
  for (const engine of [a, b]) engine.faults.set({ kind: 'status', status: 422, body: '{"error":{"message":"bad"}}' });
  for (let count = 0; count < 12; count++) {
    const answer = await fleet.chat('c400');
    assert.deepEqual([answer.status, answer.body.toString()], [422, '{"error":{"message":"bad"}}']);
  }
  assert.equal(got(a) + got(b), 12);
  assert.equal(await fleet.count('vllm_router_backend_state', a.url, 'state="ready"'), 1);
});

for (const how of [
  'garbage',
  'bad-status-line',
  'cl-te',
  'two-lengths',
  'huge-headers',
  'bare-lf',
  'folded-header',
] as const) {
  test(`fault 19: ${how} is 502 bad_upstream_response, not retried`, async () => {
    const [a, b] = pair('bad');
    for (const engine of [a, b]) engine.faults.set({ kind: 'malformed', how });
    const received = got(a) + got(b);
    const answer = await fleet.chat('bad');
    assert.deepEqual([answer.status, errorOf(answer).code], [502, 'bad_upstream_response']);
    assert.equal(answer.headers['x-should-retry'], 'false');
    assert.equal(got(a) + got(b), received + 1);
    const line = await fleet.router.logged(({ request }) => request === answer.headers['x-request-id']);
    assert.deepEqual([line['flag'], line['attempts']], ['UPE', 1]);
  });
}

test('fault 20: an unsolicited 101 is 502; other 1xx are dropped', async () => {
  for (const engine of pair('upgrade')) engine.faults.set({ kind: 'malformed', how: 'switching-protocols' });
  const upgraded = await fleet.chat('upgrade');
  assert.deepEqual([upgraded.status, errorOf(upgraded).code], [502, 'bad_upstream_response']);
  assert.equal((await fleet.line('upgrade'))['flag'], 'UPE');
  for (const engine of pair('hints')) engine.faults.set({ kind: 'malformed', how: 'early-hints' });
  const answer = await fleet.chat('hints');
  assert.equal(answer.status, 200);
  assert.ok(answer.raw.toString('latin1').startsWith('HTTP/1.1 200'));
});

test('fault 21: answers are asked for uncompressed', async () => {
  const [a, b] = pair('hints');
  const { headers } = [...a.requests, ...b.requests].find(({ model }) => model === 'hints')!;
  assert.equal(headers[headers.findIndex((name) => name.toLowerCase() === 'accept-encoding') + 1], 'identity');
});

test('fault 6: no first event in time goes to another backend; the deadline of all is 504, not to be repeated', async () => {
  const [a, b] = pair('firstbyte');
  a.faults.set({ kind: 'silence', at: 'headers' });
  const answer = await fleet.chat('firstbyte', { stream: true });
  assert.equal(answer.status, 200);
  assert.equal(done(b), 1);
  await eventually(() => a.open === 0);
  for (const engine of pair('total')) engine.faults.set({ kind: 'silence', at: 'request' });
  const late = await fleet.chat('total');
  assert.deepEqual([late.status, errorOf(late).code], [504, 'upstream_timeout']);
  assert.equal(late.headers['x-should-retry'], 'false');
  const line = await fleet.line('total');
  assert.deepEqual([line['flag'], line['attempts']], ['UT', 1]);
  await eventually(() => pair('total').every(({ open }) => open === 0));
});

test('fault 22: a request that kills engine cores kills two of them and is answered', async () => {
  for (const engine of fleet.of('poison')) engine.faults.set({ kind: 'poison', match: 'POISON' });
  const answer = await fleet.chat('poison', { messages: [{ role: 'user', content: 'POISON' }] });
  assert.ok(answer.status >= 500);
  assert.deepEqual(fleet.of('poison').map(got).sort(), [0, 1, 1]);
});

/** Whoever is woken at night reads the log first. */
const isNews = (line: LogLine, message: string, url: string) =>
  line.msg?.startsWith(message) === true && line['backend'] === url;

test('faults 14, 23: failures in a row eject a backend; when all are out they are used all the same', async () => {
  const [a, b] = pair('breaker');
  a.faults.set({ kind: 'status', status: 500 });
  for (let count = 0; count < 20; count++) assert.equal((await fleet.chat('breaker')).status, 200);
  assert.equal(got(a), 5);
  assert.equal(await fleet.count('vllm_router_backend_state', a.url, 'state="ejected"'), 1);
  const ejected = await fleet.router.logged((line) => isNews(line, 'backend is ejected', a.url));
  assert.deepEqual([ejected['level'], ejected['reason'], ejected['failures']], ['warn', 'status_500', 5]);
  assert.match(ejected.msg!, /the next one may try it in \d/);
  b.faults.set({ kind: 'status', status: 500 });
  for (let count = 0; count < 8; count++) await fleet.chat('breaker');
  a.faults.clear();
  b.faults.clear();
  assert.equal((await fleet.chat('breaker')).status, 200);
});

test('fault 24: after its time out a backend gets one probe, and comes back slowly', async () => {
  const [a, b] = pair('half');
  a.faults.set({ kind: 'status', status: 500, count: 2 });
  for (let count = 0; count < 4; count++) await fleet.chat('half');
  const failed = got(a);
  await eventually(async () => {
    await fleet.chat('half');
    return got(a) > failed;
  });
  assert.equal(await fleet.count('vllm_router_backend_state', a.url, 'state="ready"'), 1);
  await fleet.router.logged((line) => isNews(line, 'backend is no longer ejected', a.url));
  const before = { a: got(a), b: got(b) };
  for (let count = 0; count < 40; count++) await fleet.chat('half');
  const share = (got(a) - before.a) / 40;
  assert.ok(share < 0.4, `${share} of the requests went to the backend that had just come back`);
});

test('fault 24: a backend that may be well again is tried with one request, whatever the rush', async () => {
  const [a] = pair('probe');
  a.faults.set({ kind: 'status', status: 500, count: 2 }, { kind: 'slow', at: 'request', ms: 3_000, count: 1 });
  for (let count = 0; count < 4; count++) await fleet.chat('probe');
  assert.equal(got(a), 2);
  const rush: Promise<RawResponse>[] = [];
  await eventually(() => {
    rush.push(fleet.chat('probe'));
    return got(a) > 2;
  });
  // The probe waits for its answer all the while.
  for (const answer of await Promise.all(Array.from({ length: 20 }, () => fleet.chat('probe')))) {
    assert.equal(answer.status, 200);
  }
  assert.deepEqual([got(a), a.open], [3, 1]);
  for (const answer of await Promise.all(rush)) assert.equal(answer.status, 200);
});

test('fault 25: a full engine is no fault: the next one gets the request at once', async () => {
  for (let count = 0; count < 12; count++) assert.equal((await fleet.chat('busy')).status, 200);
  for (const engine of fleet.of('busy')) {
    assert.equal(await fleet.count('vllm_router_backend_state', engine.url, 'state="ready"'), 1);
  }
});

test('fault 14: an engine that drains answers 500 with a green health: its requests go elsewhere and it gets no more', async () => {
  const [a, b] = pair('drain500');
  a.faults.set({ kind: 'drain' });
  for (let count = 0; count < 12; count++) assert.equal((await fleet.chat('drain500')).status, 200);
  assert.equal(done(b), 12);
  assert.equal(got(a), 1);
});

test('fault 8: SIGTERM leaves requests hanging: refused connects and silence move or cut them within 5 s', async () => {
  const [a, b] = pair('terminated');
  const stream = await fleet.open('terminated', { stream: true, max_tokens: 2_000 });
  await stream.until((received) => received.includes('"content"'));
  await fleet.chat('terminated');
  const waiting = fleet.chat('terminated', { max_tokens: 400 });
  await eventually(() => a.open === 2);
  const started = performance.now();
  void a.terminate();
  // Nothing but a new request can notice it: health checks are off.
  await fleet.chat('terminated');
  await fleet.chat('terminated');
  const answer = await waiting;
  assert.equal(answer.status, 200);
  assert.ok(done(b) >= 3);
  const cut = await stream.response();
  assert.equal(cut.clean, false);
  assert.equal(JSON.parse(sseEvents(cut.body).at(-1)!.data).error.code, 'stream_interrupted');
  assert.ok(performance.now() - started < 5_000);
});

test('fault 6: a paused engine sends headers and nothing more: its streams begin elsewhere', async () => {
  const [a, b] = pair('paused');
  a.faults.set({ kind: 'pause' });
  const streams = Array.from({ length: 10 }, () => fleet.chat('paused', { stream: true }));
  const answers = await Promise.all(streams);
  for (const answer of answers) {
    assert.equal(answer.status, 200);
    assert.equal(sseEvents(answer.body).at(-1)!.data, '[DONE]');
  }
  assert.equal(done(b), 10);
});

test('fault 23: with no backend that could serve it is 503 at once, and none is asked', async () => {
  const engines = JSON.parse((await fleet.request({ path: '/engines' })).body.toString()) as {
    engine_id: string;
    serving_models: string[];
  }[];
  const ids = engines.filter(({ serving_models }) => serving_models.includes('asleep'));
  assert.equal(ids.length, 2);
  for (const { engine_id } of ids) {
    assert.equal((await fleet.request({ method: 'POST', path: `/sleep?id=${engine_id}&level=1` })).status, 200);
  }
  for (let count = 1; count <= 20; count++) {
    const answer = await fleet.chat('asleep');
    assert.deepEqual([answer.status, errorOf(answer).code], [503, 'model_unavailable']);
    assert.ok(Number(answer.headers['retry-after']) <= 5);
  }
  await fleet.line('asleep', 20);
  const lines = fleet.router.logs.filter(({ msg, model }) => msg === 'request' && model === 'asleep');
  assert.ok(lines.every(({ flag, attempts }) => flag === 'UH' && attempts === 0));
  const fastest = Math.min(...lines.map(({ ms }) => Number(ms)));
  assert.ok(fastest < 5, `${fastest} ms`);
  assert.deepEqual(pair('asleep').map(got), [0, 0]);
});

test('in flight returns to zero after all of that', async () => {
  await eventually(async () => (await idle()) === 0);
  for (const engines of fleet.engines.values()) for (const engine of engines) assert.ok(engine.open <= 1);
});
