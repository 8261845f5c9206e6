import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Invocation, parseArgv } from '../../src/cli/argv.ts';
import { runDiff } from '../../src/cli/diff.ts';
import { runRoute } from '../../src/cli/route.ts';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { chatRequest } from '../simulator/requests.ts';
import { captureIo } from './capture-io.ts';

const A = 'http://10.0.0.1:8000';
const B = 'http://10.0.0.2:8000';
const FILE = JSON.stringify({
  discovery: {
    lab: {
      type: 'static',
      backends: [
        { url: A, models: ['llama', 'qwen', 'r2'], labels: { pool: 'a' } },
        { url: B, labels: { pool: 'b' }, weight: 2 },
      ],
    },
    cluster: { type: 'k8s' },
  },
  models: { aliases: { gpt: 'llama' } },
  routes: [
    {
      name: 'agents',
      match: { models: ['llama'], headers: { 'x-team': 'agents' } },
      backends: { from: ['lab'], where: { pool: 'none' } },
      fallback: ['chat'],
    },
    {
      name: 'chat',
      match: { models: ['ll*'] },
      algorithm: { type: 'session', header: 'x-sid', otherwise: 'round-robin' },
    },
    { name: 'one', match: { models: ['qwen'] }, backends: { where: { pool: 'a' } } },
    { name: 'chance', match: { models: ['r*'] }, algorithm: { type: 'random' } },
    {
      name: 'split',
      match: { models: ['deep'] },
      algorithm: { type: 'disaggregated-prefill', prefill: { where: { pool: 'a' } }, decode: { where: { pool: 'b' } } },
    },
  ],
});

async function run(command: typeof runRoute, argv: readonly string[], io: Parameters<typeof captureIo>[0] = {}) {
  const invocation = parseArgv(argv);
  assert.ok('command' in invocation, JSON.stringify(invocation));
  const captured = captureIo(io);
  const code = await command(invocation as Invocation, captured);
  return { code, out: captured.stdout(), err: captured.stderr() };
}
const route = (...argv: string[]) => run(runRoute, ['route', '-', ...argv], { stdin: FILE });
const answer = async (...argv: string[]) => JSON.parse((await route('--format', 'json', ...argv)).out);

test('the first rule that matches, and why the others before it do not', async () => {
  const { rules, target, route: name } = await answer('--model', 'gpt');
  assert.equal(target, 'llama');
  assert.equal(name, 'chat');
  assert.deepEqual(
    rules.map((rule: { why: string }) => rule.why),
    ['there is no header x-team', 'matches'],
  );
  const other = await answer('--model', 'llama', '--header', 'X-Team=blue');
  assert.equal(other.rules[0].why, 'the header x-team does not match agents');
});

test('a route without backends for it gives way to its fallback', async () => {
  const { rules, route: name, notes } = await answer('--model', 'llama', '--header', 'x-team=agents');
  assert.equal(rules.at(-1).route, 'agents');
  assert.equal(name, 'chat');
  assert.match(notes[0], /^agents has no backend/);
});

test('a session goes where the ring says, each time; without one, by `otherwise`', async () => {
  const [first] = (await answer('--model', 'llama', '--session', 's-1')).legs;
  const [again] = (await answer('--model', 'llama', '--header', 'x-sid=s-1')).legs;
  assert.ok([A, B].includes(first.backend));
  assert.deepEqual(first, again);
  assert.match(first.why, /^session "s-1" \(header x-sid\): /);
  const [without] = (await answer('--model', 'llama')).legs;
  assert.match(without.why, /^no session \(header x-sid\), so by round-robin: /);
});

test('the only candidate, chance, and both legs of a disaggregated route', async () => {
  assert.deepEqual((await answer('--model', 'qwen')).legs[0].why, 'it is the only one');
  const [chance] = (await answer('--model', 'r2')).legs;
  assert.equal(chance.backend, null);
  const { legs } = await answer('--model', 'deep');
  assert.deepEqual(
    legs.map((leg: { role: string; backend: string | null }) => [leg.role, leg.backend]),
    [
      ['prefill', null],
      ['decode', B],
    ],
  );
});

test('what only a running router knows is said', async () => {
  const { out, code } = await route('--model', 'llama');
  assert.equal(code, 0);
  assert.match(out, /note +http:\/\/10\.0\.0\.2:8000: asked for models at run time/);
  assert.match(out, /note +what cluster finds is known only to a running router/);
  assert.match(out, /^routes +agents +there is no header x-team\n +→ chat +matches$/m);
});

test('exit codes: 1 when nobody would serve it, 64 for wrong use', async () => {
  assert.equal((await route('--model', 'zzz')).code, 1);
  assert.match((await route('--model', 'zzz')).out, /^answer +404 model_not_found: no route matches$/m);
  assert.equal((await route()).code, 64);
  assert.equal((await route('--model', 'llama', '--header', 'nonsense')).code, 64);
  assert.equal((await run(runRoute, ['route', '--model', 'm', '-'], { stdin: 'nonsense: 1' })).code, 1);
  const gone = await run(runRoute, ['route', '--model', 'm', '--against', 'http://127.0.0.1:1']);
  assert.equal(gone.code, 1);
  assert.match(gone.err, /cannot reach/);
});

test('control characters of names do not reach the terminal', async () => {
  assert.ok(!(await route('--model', '\x1b[2Jx')).out.includes('\x1b'));
});

let engine: Engine;
let router: SpawnedRouter;
let config: Record<string, unknown>;
before(async () => {
  engine = await startEngine({ models: ['tiny-chat'] });
  config = configFor(
    [
      { url: engine.url, models: ['tiny-chat'] },
      { url: 'http://127.0.0.1:9', models: ['tiny-chat'] },
    ],
    {
      auth: { ops: { type: 'api-key', keys: { env: 'KEYS' } } },
      listeners: {
        public: { bind: '127.0.0.1:0', serve: ['openai'] },
        admin: { bind: '127.0.0.1:0', serve: ['admin'], auth: 'ops' },
      },
      routes: [{ name: 'chat', match: { headers: { authorization: 'Bearer *' } }, algorithm: { type: 'round-robin' } }],
    },
  );
  router = await spawnRouter({ config, env: { KEYS: 'key-of-ops' } });
});
after(async () => {
  await engine?.kill();
  await router?.stop();
});

const env = { VLLM_ROUTER_ADMIN_KEY: 'key-of-ops' };

test('against a running router: what it would do next, without doing it', async () => {
  const argv = ['route', '--model', 'tiny-chat', '--header', 'authorization=Bearer x', '--against', router.adminUrl];
  const ask = async () => JSON.parse((await run(runRoute, [...argv, '--format', 'json'], { env })).out);
  const first = await ask();
  assert.deepEqual(await ask(), first, 'asking takes no turn');
  const { path, body } = chatRequest('hello', { stream: false });
  await rawRequest(router.url, { path: path!, body, headers: { authorization: 'Bearer x' } });
  const line = await router.logged(({ msg }) => msg === 'request');
  assert.equal(line['route'], first.route);
  const denied = await run(runRoute, argv);
  assert.equal(denied.code, 1);
  assert.match(denied.err, /401.*VLLM_ROUTER_ADMIN_KEY/);
});

test('against a running router: a model that nobody serves gets the answer that requests get', async (t) => {
  const backends = [
    { url: engine.url, models: ['here'], labels: { pool: 'a' } },
    { url: 'http://127.0.0.1:9', models: ['elsewhere', 'half'], labels: { pool: 'b' } },
  ];
  const split = { type: 'disaggregated-prefill', prefill: { where: { pool: 'a' } }, decode: { where: { pool: 'b' } } };
  const other = await spawnRouter({
    config: configFor(backends, {
      listeners: {
        public: { bind: '127.0.0.1:0', serve: ['openai'] },
        admin: { bind: '127.0.0.1:0', serve: ['admin'] },
      },
      routes: [
        { name: 'split', match: { models: ['half'] }, algorithm: split },
        { name: 'a', match: { models: ['here', 'else*', 'no*'] }, backends: { where: { pool: 'a' } } },
      ],
    }),
  });
  t.after(() => other.stop());
  for (const [model, expected, why] of [
    ['nothing', '404 model_not_found', 'no backend serves the model, or has served it'],
    ['unheard-of', '404 model_not_found', 'no route matches'],
    ['elsewhere', '503 model_unavailable', 'no backend of the route serves the model; another one does, or did'],
    ['half', '503 prefill_unavailable', 'prefill: no backend of the route serves the model'],
  ] as const) {
    const { code, out } = await run(runRoute, ['route', '--model', model, '--against', other.adminUrl]);
    assert.equal(code, 1);
    assert.ok(out.includes(`answer      ${expected}: ${why}\n`), out);
    const asked = await run(runRoute, ['route', '--model', model, '--against', other.adminUrl, '--format', 'json']);
    const { error } = JSON.parse(asked.out);
    const answer = await rawRequest(other.url, {
      path: '/v1/chat/completions',
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
    });
    const told = JSON.parse(answer.body.toString()).error;
    assert.deepEqual([error.status, error.code, error.message], [answer.status, told.code, told.message]);
  }
});

test('against a running router: the last resort is called one', async (t) => {
  const health = { interval: '100ms', unhealthyAfter: 1 };
  const backends = [{ url: 'http://127.0.0.1:9', models: ['down'] }];
  const listeners = { admin: { bind: '127.0.0.1:0', serve: ['admin'] } };
  const other = await spawnRouter({ config: configFor(backends, { listeners, defaults: { health } }) });
  t.after(() => other.stop());
  await other.logged(({ msg }) => msg === 'backend is unhealthy');
  const { out } = await run(runRoute, ['route', '--model', 'down', '--against', other.adminUrl]);
  assert.match(out, /goes to +http:\/\/127\.0\.0\.1:9: it is unhealthy, and tried because nobody is ready\n/);
});

test('diff --against: from what runs to the file', async () => {
  const same = await run(
    runDiff,
    ['diff', router.configFile, '--against', router.adminUrl, '--set', 'logging.format=json'],
    { env },
  );
  assert.equal(same.err, '');
  assert.equal(same.out, 'no change\n');
  assert.equal(same.code, 0);
  const changed = {
    ...config,
    routes: [{ name: 'chat', match: {}, retry: { attempts: 0 } }],
    logging: { format: 'json' },
  };
  const { out, code } = await run(runDiff, ['diff', '-', '--against', `${router.adminUrl}/`], {
    env,
    stdin: JSON.stringify(changed),
  });
  assert.equal(code, 2);
  assert.match(out, /^~ retry\.attempts of chat: 2 → 0 \(hot\)$/m);
  assert.equal((await run(runDiff, ['diff', '-', '-', '--against', router.adminUrl])).code, 64);
  assert.equal((await run(runDiff, ['diff', router.configFile, '--against', router.url], { env })).code, 1);
});
