// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the config are what is tested
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { type Invocation, parseArgv } from '../../src/cli/argv.ts';
import { runMigrate } from '../../src/cli/migrate.ts';
import { loadConfig } from '../../src/config/load.ts';
import { captureIo } from './capture-io.ts';

async function migrate(stdin: string | undefined, ...flags: string[]) {
  const invocation = parseArgv(['migrate', ...(stdin === undefined ? [] : ['-']), ...flags]);
  assert.ok('command' in invocation, JSON.stringify(invocation));
  const io = captureIo(stdin === undefined ? {} : { stdin });
  const code = await runMigrate(invocation as Invocation, io);
  return { code, out: io.stdout(), err: io.stderr() };
}

test('flags become a file that means the same', async () => {
  const flags = [
    ...['--service-discovery', 'static', '--static-backends', 'http://a:1,http://b:1', '--static-models', 'm,n'],
    ...['--routing-logic', 'session', '--session-key', 'x-user', '--static-aliases', 'gpt:m', '--log-stats'],
  ];
  const { code, out } = await migrate(undefined, ...flags);
  assert.equal(code, 0);
  const file = loadConfig({ files: [{ name: 'router.yaml', text: out }], env: {} });
  const parsed = parseArgv(flags);
  assert.ok('overlay' in parsed);
  assert.deepEqual(file.config, loadConfig({ files: [], overlay: parsed.overlay, env: {} }).config);
  assert.match(out, /key: x-user # --session-key/);
});

test('a dynamic config becomes a file, with its comments, its variables and where each value came from', async () => {
  const { code, out } = await migrate(`# production
service_discovery: static
routing_logic: roundrobin # as before
static_models:
  llama: # the big one
    static_backends: ["\${URL:-http://a:8000}"]
    static_model_type: chat
static_aliases: { gpt-4: llama }
`);
  assert.equal(code, 0);
  assert.deepEqual(parse(out), {
    discovery: { cli: { type: 'static', backends: [{ url: '${URL:-http://a:8000}', models: ['llama'] }] } },
    models: { aliases: { 'gpt-4': 'llama' } },
    defaults: { algorithm: { type: 'round-robin' } },
  });
  assert.match(out, /^# production\n/m);
  assert.match(out, /# as before\n/);
  assert.match(out, /# static_models\.llama: the big one/);
  assert.match(out, /# {3}static_model_types: has no effect/);
  assert.match(out, /type: static # service_discovery/);
});

test('the values of the chart become a file with the arguments that the chart would have passed', async () => {
  const { code, out } = await migrate(`
servingEngineSpec:
  labels: { release: prod, environment: a }
routerSpec:
  replicaCount: 2
  # users stay
  routingLogic: session
  sessionKey: x-user
  lmcacheControllerPort: 9000
  otel: { endpoint: "otel:4317", serviceName: front, secure: true }
  extraArgs: ["--log-stats", "--k8s-port", "9001", "--callbacks", "my.module", "--request-rewriter", "noop"]
`);
  assert.equal(code, 0);
  assert.deepEqual(parse(out), {
    listeners: { public: { bind: '0.0.0.0:8000' } },
    discovery: {
      cli: {
        type: 'k8s',
        namespace: '${POD_NAMESPACE:-default}',
        port: 9001,
        labelSelector: 'environment=a,release=prod',
      },
    },
    defaults: { algorithm: { type: 'session', key: 'x-user' } },
    stats: { engine: { interval: '15s' }, window: '60s', log: { every: '30s' } },
    tracing: { endpoint: 'https://otel:4318', serviceName: 'front' },
  });
  assert.match(out, /# users stay\n/);
  assert.match(out, /extraArgs --callbacks: it names Python code/);
  assert.doesNotMatch(out, /request-rewriter/);
  assert.match(out, /--lmcache-controller-port has no effect/);
  assert.match(out, /key: x-user # routerSpec\.sessionKey/);
});

test('values that name nothing of the router, or what Helm takes for no, mean the chart with its defaults', async () => {
  const plain = await migrate('servingEngineSpec: { modelSpec: [{ name: opt }] }\n');
  assert.equal(plain.code, 0, plain.err);
  const whole = await migrate(`
servingEngineSpec:
  labels: { environment: test, release: test }
routerSpec:
  containerPort: 8000
  # -- How requests are spread
  # @schema enum:[roundrobin,session]
  routingLogic: roundrobin
  prefixMinMatchLength: 0
  sessionKey: ""
  otel: { endpoint: "", serviceName: vllm-router, secure: false }
  vllmApiKey: { secretName: "", secretKey: "" }
`);
  assert.deepEqual(parse(whole.out), parse(plain.out));
  assert.doesNotMatch(whole.out, /To know|@schema/);
  assert.match(whole.out, /# How requests are spread\n/);
  const named = await migrate('routerSpec: { vllmApiKey: { secretName: a, secretKey: b } }\n');
  assert.match(named.out, /To know:\n# {3}vllmApiKey/);
});

test('static backends of the chart, and flags on top', async () => {
  const { out } = await migrate(
    'routerSpec: { serviceDiscovery: static, staticBackends: "http://a:1", staticModels: m, routingLogic: roundrobin }',
    ...['--port', '80', '--set', 'logging.level=debug'],
  );
  const { discovery, listeners, logging } = parse(out);
  assert.deepEqual(discovery.cli, { type: 'static', backends: [{ url: 'http://a:1', models: ['m'] }] });
  assert.equal(listeners.public.bind, '0.0.0.0:80');
  assert.deepEqual(logging, { level: 'debug' });
});

test('what cannot be migrated is told', async () => {
  assert.equal((await migrate(undefined)).code, 64);
  const unknown = await migrate('a: 1\n');
  assert.deepEqual([unknown.code, unknown.out], [1, '']);
  assert.match(unknown.err, /neither a dynamic config/);
  const manifest = await migrate('apiVersion: apps/v1\nkind: Deployment\n');
  assert.deepEqual([manifest.code, manifest.out], [1, '']);
  assert.match(manifest.err, /a Kubernetes manifest: give the arguments of its container as flags/);
  const broken = await migrate('service_discovery: k8s\nrouting_logic: round\n');
  assert.deepEqual([broken.code, broken.out], [1, '']);
  assert.match(broken.err, /stdin:2:16 error routing_logic/);
  const chart = await migrate('routerSpec: { serviceDiscovery: static, routingLogic: session }');
  assert.match(chart.err, /needs --static-backends/);
});

test('a file of ours stays as it is', async () => {
  const text = '# mine\ndiscovery: { a: { type: k8s } }\n';
  const { code, out } = await migrate(text);
  assert.deepEqual([code, out], [0, text]);
});
