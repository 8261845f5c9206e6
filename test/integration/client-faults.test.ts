import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RawClient, type RawResponse } from '../fakes/raw-client.ts';
import { CHAT, chat, errorOf, eventually, Fleet } from './fleet.ts';

const KEY = 'sk-canary-7f3a9';
let fleet: Fleet;

before(async () => {
  fleet = await Fleet.start(
    { m: [{}] },
    {
      listeners: {
        public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics'], maxBodySize: '1MiB' },
        keyed: { bind: '127.0.0.1:0', serve: ['openai', 'health'], auth: 'team', maxBodySize: '1MiB' },
        admin: { bind: '127.0.0.1:0', serve: ['health', 'metrics', 'admin'] },
      },
      auth: { team: { type: 'api-key', keys: { env: 'TEAM_KEYS' } } },
      logging: { level: 'trace', format: 'json' },
      defaults: { health: { interval: '0s' } },
    },
    [],
    { env: { TEAM_KEYS: `alice: ${KEY}` } },
  );
});
after(() => fleet.stop());

const engine = () => fleet.of('m')[0]!;
/** Without the router's own questions. */
const chats = () => engine().requests.filter(({ url }) => url.startsWith(CHAT));
const body = JSON.stringify(chat('m'));
const post = (head: string, content = body, path = CHAT) =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\n${head}content-length: ${Buffer.byteLength(content)}\r\n\r\n${content}`;
const JSON_TYPE = 'content-type: application/json\r\n';

/** Sends bytes on a connection of their own and reads one answer. */
async function raw(
  bytes: string | Buffer,
  url = fleet.url,
  method = 'POST',
): Promise<RawResponse & { closed: boolean }> {
  const client = await RawClient.open(url);
  try {
    client.send(bytes);
    const response = await client.response(method);
    const closes = response.headers['connection']?.toLowerCase() === 'close';
    if (closes) await client.closed();
    return { ...response, closed: closes };
  } finally {
    client.destroy();
  }
}

async function refused(
  bytes: string | Buffer,
  status: number,
  code: string,
  url?: string,
): Promise<RawResponse & { closed: boolean }> {
  const received = chats().length;
  const counted = await rejects(code);
  const answer = await raw(bytes, url);
  assert.equal(answer.status, status, String(answer.body));
  assert.equal(errorOf(answer).code, code);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(chats().length, received, 'zero upstream bytes');
  assert.equal(await rejects(code), counted + 1, `${code} is counted`);
  return answer;
}

const rejects = (code: string) => fleet.count('vllm_router_client_rejects_total', `reason="${code}"`);

/** The log has had a line for a request that was none, as HTTP goes, with this status and code. */
async function told(from: number, status: number, code: string): Promise<void> {
  const line = await fleet.router.logged(({ msg, flag }) => msg === 'request' && flag === 'DPE', from);
  assert.deepEqual([line['status'], line['error'], line['listener']], [status, code, 'public']);
}

const json = (text: string, status: number, code: string) => refused(post(JSON_TYPE, text), status, code);

test('a path that lacks the /v1 of the base URL, or has it twice, is 404 and names the one that was meant', async () => {
  const ask = async (path: string, url?: string) =>
    errorOf(await refused(post(JSON_TYPE, body, path), 404, 'not_found', url));
  assert.equal(
    (await ask('/chat/completions')).message,
    'Nothing is served at POST /chat/completions. Did you mean /v1/chat/completions? Look at the base URL of the client.',
  );
  assert.match((await ask('/v1/v1/messages')).message, /Did you mean \/v1\/messages\?/);
  assert.match((await ask('/models')).message, /Did you mean \/v1\/models\?/);
  assert.equal((await ask('/v1/nothing')).message, 'Nothing is served at POST /v1/nothing.');
});

test('fault 26: invalid or empty JSON, a model that is missing or no string', async () => {
  for (const text of ['', ' ', '{', '{"model":"m"', 'model=m', '{"model":"m"}}', "{'model':'m'}", '{"model":"m",}']) {
    await json(text, 400, 'invalid_json');
  }
  for (const text of ['[]', '"m"', '1', 'null']) await json(text, 400, 'not_an_object');
  const param = ({ body }: RawResponse) => JSON.parse(body.toString()).error.param;
  assert.equal(param(await json('{"messages":[]}', 400, 'missing_model')), 'model');
  for (const text of ['{"model":1}', '{"model":null}', '{"model":["m"]}', '{"model":{}}']) {
    assert.equal(param(await json(text, 400, 'invalid_model')), 'model');
  }
});

test('fault 27: two members of one name', async () => {
  await json('{"model":"m","model":"other"}', 400, 'duplicate_key');
  await json('{"model":"m","m\\u006fdel":"other"}', 400, 'duplicate_key');
});

test('fault 28: nesting is bounded, and a megabyte of brackets blocks nobody', async () => {
  await json(`{"model":"m","a":${'['.repeat(129)}${']'.repeat(129)}}`, 400, 'too_deep');
  const started = performance.now();
  await json(`{"model":"m","a":${'['.repeat(1_000_000)}`, 400, 'too_deep');
  assert.ok(performance.now() - started < 1_000);
});

test('fault 29: a body over the limit is 413, by its length before it is sent, or on crossing it', async () => {
  const declared = await refused(
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\n${JSON_TYPE}content-length: 99999999\r\n\r\n`,
    413,
    'body_too_large',
  );
  assert.ok(declared.closed);
  // All of it is on its way while the answer is written: the answer must arrive all the same.
  const sent = await refused(post(JSON_TYPE, 'x'.repeat(3_000_000)), 413, 'body_too_large');
  assert.ok(sent.closed);
  const chunk = `${(100_000).toString(16)}\r\n${'x'.repeat(100_000)}\r\n`;
  const head = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\n${JSON_TYPE}transfer-encoding: chunked\r\n\r\n`;
  assert.ok((await refused(head + chunk.repeat(12), 413, 'body_too_large')).closed);
});

test('fault 30: a body that is not UTF-8', async () => {
  const text = Buffer.from('{"model":"m","a":"\xff"}', 'latin1');
  await refused(
    Buffer.concat([Buffer.from(post(JSON_TYPE, '').replace('length: 0', `length: ${text.length}`)), text]),
    400,
    'invalid_encoding',
  );
});

test('fault 31: another content-type, and compressed bodies', async () => {
  await refused(post('content-type: text/plain\r\n'), 415, 'unsupported_media_type');
  await refused(post('content-type: application/x-www-form-urlencoded\r\n'), 415, 'unsupported_media_type');
  await refused(post(`${JSON_TYPE}content-encoding: gzip\r\n`), 415, 'unsupported_media_type');
  await refused(post(JSON_TYPE, body, '/v1/audio/transcriptions'), 415, 'unsupported_media_type');
});

test('fault 32: a model that nobody serves', async () => {
  const answer = await fleet.chat('nope/<script>');
  assert.deepEqual([answer.status, errorOf(answer).code], [404, 'model_not_found']);
  assert.equal((await fleet.line('nope/<script>'))['flag'], 'NR');
  assert.equal((await fleet.metrics('<script>')).size, 0);
  const requests = await fleet.metrics('vllm_router_requests_total', 'status="404"');
  assert.deepEqual(
    [...requests.keys()].map((key) => /model="([^"]*)"/.exec(key)?.[1]),
    ['unknown'],
  );
});

test('fault 33: a head that is too large', async () => {
  const from = fleet.router.logs.length;
  assert.ok((await refused(post(`${JSON_TYPE}x-large: ${'y'.repeat(20_000)}\r\n`), 431, 'headers_too_large')).closed);
  await told(from, 431, 'headers_too_large');
});

test('fault 34: framing that can be read in two ways, and malformed heads', async () => {
  const requests = [
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello`,
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n`,
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\n folded: 1\r\n\r\n`,
    `POST ${CHAT} HTTP/1.1\nhost: x\n\n`,
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\nspace : 1\r\n\r\n`,
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nhello`,
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n`,
    'not http\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  ];
  for (const request of requests) {
    const from = fleet.router.logs.length;
    const answer = await refused(Buffer.from(request, 'latin1'), 400, 'bad_request');
    assert.ok(answer.closed, request);
    await told(from, 400, 'bad_request');
  }
});

test('a request whose body stops being HTTP has one line in the log, with its id and what the client got', async () => {
  const from = fleet.router.logs.length;
  const head = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\n${JSON_TYPE}transfer-encoding: chunked\r\nx-request-id: broken-body\r\n`;
  await refused(`${head}\r\nzz\r\n`, 400, 'bad_request');
  const line = await fleet.router.logged(({ request }) => request === 'broken-body', from);
  assert.deepEqual([line['status'], line['error'], line['flag']], [400, 'bad_request', 'DPE']);
  await fleet.chat('m');
  await fleet.router.logged(({ msg, status }) => msg === 'request' && status === 200, from);
  assert.equal(fleet.router.logs.slice(from).filter(({ msg }) => msg === 'request').length, 2);
});

test('the log says why a request was refused', async () => {
  const answer = await fleet.chat('nobody-has-it');
  assert.equal(answer.status, 404);
  const line = await fleet.router.logged(({ request }) => request === answer.headers['x-request-id']);
  assert.deepEqual([line['status'], line['error'], line['flag']], [404, 'model_not_found', 'NR']);
});

test('fault 35: what Node answers with 200: hosts, versions, HTTP/1.0 with an encoding', async () => {
  const get = (line: string, ...heads: string[]) => `${line}\r\n${heads.map((head) => `${head}\r\n`).join('')}\r\n`;
  const bad = [
    get('GET /health HTTP/1.1', 'host: a', 'host: b'),
    get('GET /health HTTP/1.1', 'Host: a', 'HOST: a'),
    get('GET /health HTTP/1.1'),
    get('GET /health HTTP/1.1', 'host: a b'),
    get('GET /health HTTP/1.1', 'host: a/b'),
    get('GET /health HTTP/1.1', 'host: user@a'),
    get('GET /health HTTP/1.1', 'host: a:port'),
    get('GET /health HTTP/1.1', 'host: <script>'),
    get('GET /health'),
    get('POST /v1/chat/completions HTTP/1.0', 'transfer-encoding: chunked'),
  ];
  for (const request of bad) {
    const from = fleet.router.logs.length;
    assert.ok((await refused(request, 400, 'bad_request')).closed, JSON.stringify(request));
    await told(from, 400, 'bad_request');
  }
  for (const version of ['2.0', '0.9', '1.2', '3.0']) {
    const answer = await raw(get(`GET /health HTTP/${version}`, 'host: a'), fleet.url, 'GET');
    assert.ok([400, 505].includes(answer.status), `${version}: ${answer.status}`);
  }
  assert.equal((await raw(get('GET /health HTTP/2.0', 'host: a'), fleet.url, 'GET')).status, 505);
  for (const host of ['a', 'a:80', '[::1]:80', '127.0.0.1', 'a_b.example:']) {
    assert.equal((await raw(get('GET /health HTTP/1.1', `host: ${host}`), fleet.url, 'GET')).status, 200, host);
  }
  assert.equal((await raw(get('GET /health HTTP/1.0'), fleet.url, 'GET')).status, 200);
});

test('fault 36: an answer before the body is read ends the connection', async () => {
  const keyed = fleet.router.urlOf('keyed');
  const answer = await refused(post(JSON_TYPE, 'x'.repeat(900_000)), 401, 'unauthorized', keyed);
  assert.ok(answer.closed);
  // A body that reads like requests is still one.
  const inner = 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(3);
  const client = await RawClient.open(keyed);
  client.send(post(JSON_TYPE, inner));
  assert.equal((await client.response()).status, 401);
  await client.closed();
  assert.equal(client.received.length, 0);
  client.destroy();
});

test('fault 37: pipelined requests are answered in order', async () => {
  const client = await RawClient.open(fleet.url);
  const stream = JSON.stringify(chat('m', { stream: true }));
  client.send(`${post(JSON_TYPE, stream)}GET /health HTTP/1.1\r\nhost: x\r\n\r\n${post(JSON_TYPE)}`);
  assert.match((await client.response()).body.toString(), /\[DONE\]\n\n$/);
  assert.equal((await client.response('GET')).body.toString(), '{"status":"healthy"}');
  assert.match((await client.response()).body.toString(), /"chat.completion"/);
  client.destroy();
});

test('fault 37: requests that come at once reach an engine one after the other, on any connection', async () => {
  const client = await RawClient.open(fleet.url);
  const before = chats().length;
  const aborted = engine().counts.aborted;
  const long = JSON.stringify(chat('m', { stream: true, max_tokens: 100_000 }));
  // The first makes it node:http's.
  client.send(`GET /version HTTP/1.1\r\nhost: x\r\n\r\n${post(JSON_TYPE, long).repeat(5)}`);
  await client.response('GET');
  await client.until((received) => received.includes('data: '));
  assert.equal(chats().length, before + 1);
  client.destroy();
  await eventually(() => engine().counts.aborted === aborted + 1);
  assert.equal(chats().length, before + 1, 'what waited has left with its client');
});

test('fault 37: a connection with too many waiting requests is cut', async () => {
  const client = await RawClient.open(fleet.url);
  const from = fleet.router.logs.length;
  client.send('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1_700));
  await client.closed();
  await told(from, 400, 'bad_request');
  assert.equal((await fleet.request({ path: '/health' })).status, 200);
});

test('fault 38: other protocols and methods', async () => {
  const upgrade = await raw(
    'GET /health HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    fleet.url,
    'GET',
  );
  assert.deepEqual([upgrade.status, errorOf(upgrade).code, upgrade.closed], [501, 'not_implemented', true]);
  // vLLM leaves this offer alone, and clients that make it expect that.
  const h2c = await raw(
    'GET /health HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n',
    fleet.url,
    'GET',
  );
  assert.equal(h2c.status, 200);
  const connect = await raw('CONNECT evil:443 HTTP/1.1\r\nhost: evil:443\r\n\r\n', fleet.url, 'GET');
  assert.deepEqual([connect.status, connect.closed], [405, true]);
  const trace = await raw('TRACE /health HTTP/1.1\r\nhost: x\r\n\r\n', fleet.url, 'GET');
  assert.deepEqual([trace.status, trace.closed], [405, true]);
  const preface = await raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', fleet.url, 'GET');
  assert.ok(preface.status >= 400);
});

test('fault 39: control characters in values', async () => {
  for (const character of ['\0', '\x01', '\x7f', '\n', '\r']) {
    const answer = await refused(Buffer.from(post(`x-a: b${character}c\r\n`), 'latin1'), 400, 'bad_request');
    assert.ok(answer.closed, JSON.stringify(character));
  }
});

test('faults 40 to 42: hop-by-hop headers stay here; host, address and id are the router’s', async () => {
  const head = [
    ...[
      'connection: authorization, x-mine, x-request-id, x-forwarded-for, content-length, host',
      'authorization: Bearer client',
      'x-mine: 1',
      'te: trailers',
      'keep-alive: timeout=9',
      'proxy-authorization: Basic x',
      'x-keep: yes',
    ],
    ...[
      'x-forwarded-for: 6.6.6.6',
      'x-forwarded-host: evil',
      'x-forwarded-proto: https',
      'forwarded: for=6.6.6.6',
      'x-request-id: bad id',
      'accept-encoding: gzip',
    ],
  ];
  const sent = `POST ${CHAT}?a=b%20c HTTP/1.1\r\nhost: evil.example\r\n${head.join('\r\n')}\r\n${JSON_TYPE}content-length: ${body.length}\r\n\r\n${body}`;
  assert.equal((await raw(sent)).status, 200);
  const { headers, url } = chats().at(-1)!;
  assert.equal(url, `${CHAT}?a=b%20c`);
  const got = (name: string) =>
    headers.flatMap((header, index) => (index % 2 === 0 && header.toLowerCase() === name ? [headers[index + 1]] : []));
  assert.deepEqual(got('host'), [new URL(engine().url).host]);
  assert.deepEqual(got('authorization'), []);
  assert.deepEqual(got('x-mine'), []);
  for (const name of ['te', 'keep-alive', 'proxy-authorization', 'forwarded']) assert.deepEqual(got(name), [], name);
  assert.deepEqual(got('x-keep'), ['yes']);
  assert.deepEqual(got('x-forwarded-for'), ['127.0.0.1']);
  assert.deepEqual(got('x-forwarded-host'), []);
  assert.deepEqual(got('x-forwarded-proto'), ['http']);
  assert.equal(got('x-request-id').length, 1);
  assert.notEqual(got('x-request-id')[0], 'bad id');
  assert.equal(got('content-length').length, 1);
});

test('fault 43: only listed paths, exactly as they are written, reach an engine', async () => {
  const received = engine().counts.received;
  const paths = [
    ...[
      '/v1/chat/completions/',
      '//v1/chat/completions',
      '/V1/chat/completions',
      '/v1/chat%2fcompletions',
      '/v1/./chat/completions',
    ],
    ...[
      '/v1/%63hat/completions',
      '/v1/x/../chat/completions',
      '/v1/chat/completions%00',
      '/v1/chat/completions;a',
      '/pause',
      '/sleep/x',
    ],
    ...[
      '/invocations',
      '/abort_requests',
      '/v1/load_lora_adapter',
      '/inference/v1/generate',
      '/reset_prefix_cache',
      '/../health',
      '/%2e%2e/health',
    ],
    ...['http://evil.example/v1/chat/completions', 'http://127.0.0.1/pause', '*', '/v1/models/%zz'],
  ];
  for (const path of paths) {
    const answer = await raw(post(JSON_TYPE, body, path));
    assert.ok(answer.status === 404 || answer.status === 400 || answer.status === 405, `${path}: ${answer.status}`);
    assert.equal(typeof errorOf(answer).code, 'string');
  }
  assert.equal(engine().counts.received, received);
  for (const path of [
    '/V1/models',
    '/v1/models/',
    '//v1/models',
    '/v1/models/%zz',
    '/v1/models/..%2f..%2fpause',
    '/metrics/',
  ]) {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`, fleet.url, 'GET');
    assert.equal(answer.status, 404, path);
  }
});

test('fault 44: ?id= takes opaque ids of engines, never an address', async () => {
  for (const id of [engine().url, '127.0.0.1:80', 'http://evil', '', '../x']) {
    const answer = await raw(post(JSON_TYPE, body, `${CHAT}?id=${encodeURIComponent(id)}`));
    assert.deepEqual([answer.status, errorOf(answer).code], [400, 'engine_not_found'], id);
  }
  const [{ engine_id }] = JSON.parse((await fleet.request({ path: '/engines' })).body.toString());
  assert.equal((await raw(post(JSON_TYPE, body, `${CHAT}?id=${engine_id}`))).status, 200);
});

test('fault 45: without its key a request is 401 before its body is read; with it, the key stays here', async () => {
  const url = fleet.router.urlOf('keyed');
  for (const head of [
    '',
    'authorization: Bearer wrong\r\n',
    `authorization: Basic ${KEY}\r\n`,
    `authorization: Bearer ${KEY}x\r\n`,
    'x-api-key: no\r\n',
  ]) {
    const answer = await refused(post(JSON_TYPE + head), 401, 'unauthorized', url);
    assert.equal(answer.headers['www-authenticate'], 'Bearer');
  }
  // Nothing of the body has been sent, and nobody waits for it.
  const early = await refused(
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n`,
    401,
    'unauthorized',
    url,
  );
  assert.ok(early.closed);
  for (const head of [`authorization: Bearer ${KEY}\r\n`, `x-api-key: ${KEY}\r\n`]) {
    assert.equal((await raw(post(JSON_TYPE + head), url)).status, 200);
    assert.ok(!chats().at(-1)!.headers.join(' ').includes(KEY));
  }
  const models = await raw('GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n', url, 'GET');
  assert.equal(models.status, 401);
  assert.equal((await raw('GET /health HTTP/1.1\r\nhost: x\r\n\r\n', url, 'GET')).status, 200);
});

test('fault 46: no key stands in logs, metrics, errors or the shown config', async () => {
  const url = fleet.router.urlOf('keyed');
  await raw(post(`${JSON_TYPE}authorization: Bearer ${KEY}\r\nx-request-id: ok\r\n`), url);
  await raw(post(`${JSON_TYPE}authorization: Bearer ${KEY}wrong\r\n`, `{"model":"${KEY}"}`), url);
  await raw(post(`${JSON_TYPE}authorization: Bearer ${KEY}\r\n`, '{"model":'), url);
  const pages = await Promise.all(
    ['/metrics', '/admin/config', '/admin/backends'].map((path) =>
      raw(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`, fleet.router.urlOf('admin'), 'GET'),
    ),
  );
  await fleet.line('m');
  await new Promise((resolve) => setTimeout(resolve, 300));
  const said = [
    ...pages.map((page) => page.raw.toString()),
    JSON.stringify(fleet.router.logs),
    fleet.router.noise.join('\n'),
  ];
  for (const text of said) assert.ok(!text.includes(KEY), text.slice(0, 200));
});

test('fault 47: ten thousand models that nobody serves add no series', async () => {
  await fleet.chat('nobody-0');
  const series = async () => [...(await fleet.metrics('model=')).keys()].sort();
  const before = await series();
  const client = await RawClient.open(fleet.url);
  for (let batch = 0; batch < 100; batch++) {
    let text = '';
    for (let index = 0; index < 100; index++) text += post(JSON_TYPE, `{"model":"random-${batch}-${index}"}`);
    client.send(text);
    for (let index = 0; index < 100; index++) assert.equal((await client.response()).status, 404);
  }
  client.destroy();
  assert.deepEqual(await series(), before);
});

test('fault 50: a client that leaves aborts the engine’s work at once, streaming or not; in flight returns to 0', async () => {
  for (const more of [{ max_tokens: 2_000 }, { max_tokens: 2_000, stream: true }]) {
    const client = await fleet.open('m', more);
    await eventually(() => engine().running === 1);
    if ('stream' in more) await client.until((received) => received.includes('content'));
    client.destroy();
    await eventually(() => engine().running === 0);
    assert.equal(engine().requests.findLast(({ url }) => url === CHAT)!.outcome, 'aborted');
  }
  await eventually(async () => (await fleet.count('vllm_router_inflight_requests')) === 0);
  const aborted = () => fleet.router.logs.filter((line) => line.msg === 'request' && line['flag'] === 'DC');
  await eventually(() => aborted().length >= 2);
  assert.ok(aborted().some((line) => line['status'] === 499));
  // More of them than a breaker takes failures.
  for (let count = 0; count < 6; count++) {
    const client = await fleet.open('m', { max_tokens: 2_000 });
    await eventually(() => engine().running === 1);
    client.destroy();
    await eventually(() => engine().running === 0);
  }
  assert.equal(await fleet.count('vllm_router_backend_state', 'state="ready"'), 1);
  assert.equal(await fleet.count('vllm_router_upstream_failures_total', engine().url), 0);
});

test('fault 51: Expect: 100-continue is answered once key and size are known; other expectations are 417', async () => {
  const head = (length: number, more = '') =>
    `POST ${CHAT} HTTP/1.1\r\nhost: x\r\n${JSON_TYPE}${more}expect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
  const client = await RawClient.open(fleet.url);
  client.send(head(body.length));
  await client.until((received) => received.includes('100 Continue\r\n\r\n'));
  client.send(body);
  assert.equal((await client.response()).status, 200);
  client.destroy();
  const large = await raw(head(2_000_000));
  assert.equal(large.status, 413);
  assert.ok(!large.raw.includes('100 Continue'));
  const keyless = await raw(head(10), fleet.router.urlOf('keyed'));
  assert.equal(keyless.status, 401);
  assert.ok(!keyless.raw.includes('100 Continue') && keyless.closed);
  const other = await raw(post(`${JSON_TYPE}expect: tea\r\n`));
  assert.deepEqual([other.status, errorOf(other).code], [417, 'expectation_failed']);
});

test('fault 52: methods: HEAD on health, 405 with Allow elsewhere', async () => {
  const head = await raw('HEAD /health HTTP/1.1\r\nhost: x\r\n\r\n', fleet.url, 'HEAD');
  assert.deepEqual([head.status, head.body.length], [200, 0]);
  const method = async (line: string) => {
    const answer = await raw(`${line} HTTP/1.1\r\nhost: x\r\n\r\n`, fleet.url, 'GET');
    return [answer.status, answer.headers['allow']];
  };
  assert.deepEqual(await method(`GET ${CHAT}`), [405, 'POST']);
  assert.deepEqual(await method(`OPTIONS ${CHAT}`), [405, 'POST']);
  assert.deepEqual(await method('POST /health'), [405, 'GET, HEAD']);
  assert.deepEqual(await method('DELETE /v1/models'), [405, 'GET, HEAD']);
});

test('an HTTP/1.0 client gets a whole answer and a closed connection', async () => {
  const client = await RawClient.open(fleet.url);
  client.send(`POST ${CHAT} HTTP/1.0\r\n${JSON_TYPE}content-length: ${body.length}\r\n\r\n${body}`);
  const answer = await client.response();
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.body.toString()).object, 'chat.completion');
  await client.closed();
});

test('the router has lived through all of it', async () => {
  assert.equal((await fleet.chat('m')).status, 200);
});
