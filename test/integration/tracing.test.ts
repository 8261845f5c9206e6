import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { OtlpCollector, type ReceivedSpan } from '../fakes/otlp-collector.ts';
import { RawClient, type RawRequest, type RawResponse, rawRequest, requestBytes } from '../fakes/raw-client.ts';
import { chatRequest, eventually, Fleet } from './fleet.ts';
import { RoleFleet } from './roles.ts';

const SERVER = 2;
const CLIENT = 3;
const FAILED = 2;
/** What must stand in no span. */
const SECRET = 'never-in-a-span';
const env = { OTLP_AUTHORIZATION: `Bearer ${SECRET}-1`, KEYS: `alice: ${SECRET}-2`, ENGINE_KEY: `${SECRET}-3` };
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

let collector: OtlpCollector;
let keyed: Engine;
let fleet: Fleet;
let ids = 0;

before(async () => {
  collector = await OtlpCollector.start();
  keyed = await startEngine({ models: ['keyed'], apiKey: env.ENGINE_KEY });
  const slow = { decodeRate: 20 };
  const pair = [{}, {}];
  const bind = '127.0.0.1:0';
  fleet = await Fleet.start(
    { plain: [{}], dead: pair, broken: pair, left: [slow], queue: [slow], full: [slow] },
    {
      tracing: { endpoint: `${collector.url}/otlp/`, headers: { authorization: { env: 'OTLP_AUTHORIZATION' } } },
      auth: { team: { type: 'api-key', keys: { env: 'KEYS' } } },
      listeners: {
        public: { bind, serve: ['openai', 'health', 'metrics'] },
        private: { bind, serve: ['openai'], auth: 'team' },
      },
      models: { aliases: { nick: 'plain' } },
      routes: [
        { name: 'queue', match: { models: ['queue'] }, limits: { inflightPerBackend: 1 } },
        { name: 'full', match: { models: ['full'] }, limits: { inflightPerBackend: 1, queueTimeout: '50ms' } },
        { name: 'rest', match: {}, algorithm: { type: 'least-load' } },
      ],
    },
    [],
    { env },
    { keys: { type: 'static', backends: [{ url: keyed.url, models: ['keyed'], apiKey: { env: 'ENGINE_KEY' } }] } },
  );
});
after(async () => {
  await fleet?.stop();
  await keyed?.kill();
  await collector?.stop();
});

/** Sends it with an id of its own. */
async function ask(request: RawRequest, url = fleet.url): Promise<{ id: string; response: RawResponse }> {
  const id = `test-${++ids}`;
  const response = await rawRequest(url, { ...request, headers: { ...request.headers, 'x-request-id': id } });
  return { id, response };
}

/** The spans of the request with this id once its own, which comes first, is there. */
async function spansOf(id: string, from = collector): Promise<[ReceivedSpan, ...ReceivedSpan[]]> {
  const find = () => from.spans.find(({ attributes }) => attributes['vllm_router.request_id'] === id);
  await from.until(() => find() !== undefined);
  const root = find()!;
  const others = from.spans.filter((span) => span.traceId === root.traceId && span !== root);
  for (const span of others) {
    assert.equal(span.parentSpanId, root.spanId);
    assert.ok(span.start >= root.start && span.start <= span.end, 'begins before its parent');
  }
  return [root, ...others.sort((a, b) => a.start - b.start)];
}

/** What the engine was told. */
function headersAt(engine: Engine, requestId: string): Record<string, string> {
  const { headers } = engine.requests.find((request) => request.requestId === requestId)!;
  const pairs = Array.from({ length: headers.length / 2 }, (_, i) => [headers[2 * i]!, headers[2 * i + 1]!] as const);
  return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));
}

const outline = (spans: readonly ReceivedSpan[]) =>
  spans.map(({ name, status, attributes }) => [name, status, attributes['error.type']]);

test('a plain request: its own span, one of the attempt, and the engine below that', async () => {
  const { id, response } = await ask(chatRequest('nick'));
  assert.equal(response.status, 200);
  const [root, attempt, ...more] = await spansOf(id);
  assert.deepEqual(more, []);
  const [engine] = fleet.of('plain') as [Engine];
  const port = (url: string) => Number(new URL(url).port);
  assert.deepEqual([root.kind, root.name, root.service], [SERVER, 'POST /v1/chat/completions', 'vllm-router']);
  assert.deepEqual([root.parentSpanId, root.status], [undefined, 0]);
  const { 'vllm_router.ttft': ttft, ...rest } = root.attributes;
  assert.ok(Number(ttft) > 0 && Number(ttft) <= (root.end - root.start) / 1000);
  assert.deepEqual(rest, {
    'http.request.method': 'POST',
    'http.route': '/v1/chat/completions',
    'http.response.status_code': 200,
    'url.path': '/v1/chat/completions',
    'url.scheme': 'http',
    'server.address': '127.0.0.1',
    'server.port': port(fleet.url),
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'vllm',
    'gen_ai.request.model': 'nick',
    'vllm_router.request_id': id,
    'vllm_router.listener': 'public',
    'vllm_router.route': 'rest',
    'vllm_router.algorithm': 'least-load',
    'vllm_router.backend': engine.url,
    'vllm_router.backend_id': engine.url,
    'vllm_router.attempts': 1,
  });
  assert.deepEqual([attempt!.kind, attempt!.name, attempt!.status], [CLIENT, 'attempt', 0]);
  assert.deepEqual(attempt!.attributes, {
    'http.request.method': 'POST',
    'http.response.status_code': 200,
    'url.full': `${engine.url}/v1/chat/completions`,
    'server.address': '127.0.0.1',
    'server.port': engine.port,
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'vllm',
    'gen_ai.request.model': 'plain',
    'gen_ai.usage.input_tokens': attempt!.attributes['gen_ai.usage.input_tokens'],
    'gen_ai.usage.output_tokens': 4,
    'gen_ai.usage.cache_read.input_tokens': attempt!.attributes['gen_ai.usage.cache_read.input_tokens'],
    'vllm_router.backend': engine.url,
    'vllm_router.backend_id': engine.url,
    'vllm_router.attempt': 1,
    'vllm_router.route': 'rest',
    'vllm_router.algorithm': 'least-load',
  });
  assert.equal(headersAt(engine, id).traceparent, `00-${root.traceId}-${attempt!.spanId}-01`);
  assert.ok(Math.abs(root.start - Date.now()) < 60_000);
  assert.equal(collector.requests[0]!.path, '/otlp/v1/traces');
  assert.equal(collector.requests[0]!.headers.authorization, env.OTLP_AUTHORIZATION);
  assert.equal((await fleet.line('nick'))['trace'], root.traceId);
});

test('a stream: when its first byte came', async () => {
  const { id } = await ask(chatRequest('plain', { stream: true }));
  const [root, attempt] = await spansOf(id);
  assert.equal(root.attributes['gen_ai.request.stream'], true);
  const [event] = attempt!.events;
  assert.equal(event!.name, 'first byte');
  assert.ok(event!.at > attempt!.start && event!.at < attempt!.end);
  const first = Number(attempt!.attributes['gen_ai.response.time_to_first_chunk']) * 1000;
  assert.ok(Math.abs(first - (event!.at - attempt!.start)) < 0.1, `${first}`);
});

test('a retry is an attempt more', async () => {
  const [first, second] = fleet.of('dead') as [Engine, Engine];
  for (const engine of [first, second]) engine.faults.set({ kind: 'status', status: 503, count: 1 });
  const before = first.faults.hits + second.faults.hits;
  const { id, response } = await ask(chatRequest('dead'));
  const hits = first.faults.hits + second.faults.hits - before;
  for (const engine of [first, second]) engine.faults.clear();
  const [root, ...attempts] = await spansOf(id);
  assert.deepEqual([attempts.length, root.attributes['vllm_router.attempts']], [2, 2]);
  assert.equal(root.attributes['http.response.status_code'], response.status);
  assert.equal(hits, 2);
  assert.deepEqual(outline([root, ...attempts]), [
    ['POST /v1/chat/completions', FAILED, '503'],
    ['attempt', FAILED, '503'],
    ['attempt', FAILED, '503'],
  ]);
  assert.deepEqual(
    attempts.map(({ attributes }) => attributes['http.request.resend_count']),
    [undefined, 1],
  );
  assert.deepEqual(
    attempts.map(({ attributes }) => attributes['vllm_router.attempt']),
    [1, 2],
  );
  assert.equal(new Set(attempts.map(({ attributes }) => attributes['server.port'])).size, 2);
});

test('engines that end their connections: the second attempt, and a stream that breaks', async () => {
  const [first, second] = fleet.of('broken') as [Engine, Engine];
  first.faults.set({ kind: 'cut', at: 'request', how: 'rst' });
  second.faults.set({ kind: 'cut', at: 2, how: 'rst' });
  let seen: ReceivedSpan[] = [];
  for (let tries = 0; seen.length < 2 && tries < 10; tries++) {
    const { id, response } = await ask(chatRequest('broken', { stream: true, max_tokens: 20 }));
    const [root, ...attempts] = await spansOf(id);
    assert.deepEqual([response.clean, root.status], [false, FAILED]);
    assert.equal(root.attributes['error.type'], 'stream_interrupted');
    assert.deepEqual(outline(attempts).at(-1), ['attempt', FAILED, 'truncated']);
    seen = attempts;
  }
  assert.deepEqual(outline(seen)[0], ['attempt', FAILED, 'disconnected']);
});

test('a client that leaves', async () => {
  const client = await RawClient.open(fleet.url);
  const request = { ...chatRequest('left', { stream: true, max_tokens: 500 }), headers: { 'x-request-id': 'left-1' } };
  client.send(requestBytes(request, 'router'));
  await client.until((received) => received.includes('content'));
  client.destroy();
  const [root, attempt] = await spansOf('left-1');
  assert.deepEqual(outline([root, attempt!]), [
    ['POST /v1/chat/completions', 0, 'aborted'],
    ['attempt', 0, 'aborted'],
  ]);
  assert.deepEqual(
    [
      root.attributes['vllm_router.flag'],
      root.attributes['http.response.status_code'],
      root.attributes['server.address'],
    ],
    ['DC', 200, 'router'],
  );
});

test('what the router refuses itself: a span without attempts', async () => {
  const cases = [
    [chatRequest('nobody'), 404, 'model_not_found'],
    [{ ...chatRequest('plain'), body: '{"model":' }, 400, 'invalid_json'],
  ] as const;
  for (const [request, status, error] of cases) {
    const { id } = await ask(request);
    const [root, ...more] = await spansOf(id);
    assert.deepEqual(more, []);
    assert.deepEqual(
      [root.attributes['http.response.status_code'], root.attributes['error.type'], root.status],
      [status, error, 0],
    );
  }
  const { id } = await ask(
    { ...chatRequest('plain'), headers: { authorization: `Bearer ${SECRET}` } },
    fleet.router.urlOf('private'),
  );
  const [root] = await spansOf(id);
  assert.deepEqual(
    [root.attributes['http.response.status_code'], root.attributes['error.type']],
    [401, 'unauthorized'],
  );
});

test('a wait for room is a span, also one in vain', async () => {
  const request = chatRequest('queue', { max_tokens: 8 });
  const [one, other] = await Promise.all([ask(request), ask(request)]);
  const traces = await Promise.all([one, other].map(({ id }) => spansOf(id)));
  const [waited] = traces.filter((spans) => spans.length === 3);
  assert.deepEqual(
    waited?.map(({ name }) => name),
    ['POST /v1/chat/completions', 'queue', 'attempt'],
  );
  const [, queue, attempt] = waited!;
  assert.ok(queue!.end - queue!.start > 50 && attempt!.start >= queue!.end - 1);
  assert.equal(queue!.attributes['vllm_router.route'], 'queue');

  const running = ask(chatRequest('full', { max_tokens: 20 }));
  const [engine] = fleet.of('full') as [Engine];
  await eventually(() => engine.running === 1);
  const { id, response } = await ask(chatRequest('full'));
  assert.equal(response.status, 429);
  assert.deepEqual(outline(await spansOf(id)), [
    ['POST /v1/chat/completions', 0, 'queue_timeout'],
    ['queue', FAILED, 'queue_timeout'],
  ]);
  await running;
});

test('a client’s trace goes on, and what it says of recording holds', async () => {
  const [engine] = fleet.of('plain') as [Engine];
  const told = async (headers: Record<string, string>) => {
    const { id } = await ask({ ...chatRequest('plain'), headers });
    return { id, engine: headersAt(engine, id) };
  };
  const tracestate = 'vendor=opaque,other=1';
  const sampled = await told({ traceparent: `00-${TRACE}-${PARENT}-01`, tracestate });
  const [root, attempt] = await spansOf(sampled.id);
  assert.deepEqual([root.traceId, root.parentSpanId, root.traceState], [TRACE, PARENT, tracestate]);
  assert.equal(sampled.engine['traceparent'], `00-${TRACE}-${attempt!.spanId}-01`);
  assert.equal(sampled.engine['tracestate'], tracestate);

  const unsampled = await told({ traceparent: `00-${TRACE}-${PARENT}-00`, tracestate });
  assert.equal(unsampled.engine['traceparent'], `00-${TRACE}-${PARENT}-00`);
  assert.equal(unsampled.engine['tracestate'], tracestate);

  const invalid = await told({ traceparent: `00-${'0'.repeat(32)}-${PARENT}-01`, tracestate });
  const [fresh] = await spansOf(invalid.id);
  assert.deepEqual([fresh.parentSpanId, fresh.traceState], [undefined, undefined]);
  assert.ok(invalid.engine['traceparent']!.startsWith(`00-${fresh.traceId}-`));
  assert.equal(invalid.engine['tracestate'], undefined);
  const recorded = collector.spans.map(({ attributes }) => attributes['vllm_router.request_id']);
  assert.ok(!recorded.includes(unsampled.id));
});

test('each leg of a split request is an attempt with its role', async () => {
  const roles = await RoleFleet.start(
    { split: { prefill: [{}], decode: [{}] } },
    {
      tracing: { endpoint: collector.url, serviceName: 'split-router' },
      routes: [
        {
          name: 'split',
          match: {},
          algorithm: {
            type: 'disaggregated-prefill',
            form: 'kv-transfer',
            prefill: { where: { role: 'prefill' } },
            decode: { where: { role: 'decode' } },
          },
        },
      ],
    },
  );
  try {
    const { id, response } = await ask(chatRequest('split', { stream: true }), roles.fleet.url);
    assert.equal(response.status, 200);
    const [root, ...legs] = await spansOf(id);
    assert.deepEqual(
      legs.map(({ name, attributes }) => [name, attributes['vllm_router.role'], attributes['vllm_router.route']]),
      [
        ['attempt prefill', 'prefill', 'split'],
        ['attempt decode', 'decode', 'split'],
      ],
    );
    assert.deepEqual([root.service, root.attributes['vllm_router.attempts']], ['split-router', 2]);
    const { prefill, decode } = roles.of('split');
    for (const [i, engine] of [...prefill, ...decode].entries()) {
      assert.equal(headersAt(engine, id)['traceparent'], `00-${root.traceId}-${legs[i]!.spanId}-01`);
    }
  } finally {
    await roles.stop();
  }
});

test('no span holds a key or a body, and names from clients are cut and made whole', async () => {
  const authorization = `Bearer ${SECRET}-2`;
  const body = { model: 'keyed', messages: [{ role: 'user', content: SECRET }], max_tokens: 2 };
  const request = { ...chatRequest('keyed'), path: `/v1/chat/completions?api_key=${SECRET}`, body };
  const headers = { authorization, cookie: `a=${SECRET}`, 'x-api-key': SECRET, 'x-other': SECRET };
  const { id, response } = await ask({ ...request, headers }, fleet.router.urlOf('private'));
  assert.equal(response.status, 200);
  const [root] = await spansOf(id);
  assert.equal(root.attributes['vllm_router.key'], 'alice');
  const long = await ask({ ...chatRequest('x'), body: `{"model":"\\ud800${'m'.repeat(5_000)}"}` });
  const [named] = await spansOf(long.id);
  assert.equal(named.attributes['gen_ai.request.model'], `\ufffd${'m'.repeat(255)}`);
  for (const { body } of collector.requests) assert.ok(!body.includes(SECRET));
});

test('the spans are counted', async () => {
  await eventually(async () => (await fleet.count('trace_spans_total', 'exported')) > 20);
  assert.equal(await fleet.count('trace_spans_total', 'dropped'), 0);
  assert.equal(await fleet.count('trace_spans_total', 'failed'), 0);
});
