import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseArgv } from '../../src/cli/argv.ts';
import { FLAGS } from '../../src/cli/flags.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SUPPORTED } from '../../src/config/original/names.ts';
import { UNSUPPORTED } from '../../src/config/original/unsupported.ts';
import { memberSchema, resolve, SCHEMA, type Schema } from '../../src/config/schema.ts';

/** The config that flags alone, or flags over a file, make. */
function configOf(argv: string[], file?: string): Config {
  const parsed = parseArgv(file === undefined ? argv : ['--config', 'router.yaml', ...argv]);
  assert.ok('overlay' in parsed, JSON.stringify(parsed));
  const files = file === undefined ? [] : [{ name: 'router.yaml', text: file }];
  const { config, diagnostics } = loadConfig({ files, overlay: parsed.overlay, env: {} });
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity === 'error'),
    [],
  );
  return config!;
}

const STATIC = ['--service-discovery', 'static', '--routing-logic', 'roundrobin'];

function backends(config: Config): [url: string, models: readonly string[] | undefined, labels: object][] {
  const source = config.discovery['cli'];
  assert.equal(source?.type, 'static');
  return source.backends.map(({ url, models, labels }) => [url, models, { ...labels }]);
}

test('flags alone make the documented router', () => {
  const config = configOf([...STATIC, '--static-backends', 'http://a:8000', '--static-models', 'm']);
  const { host, port } = config.listeners['public']!;
  assert.deepEqual([host, port], ['0.0.0.0', 8001]);
  assert.deepEqual(
    config.routes.map(({ name, backends }) => [name, ...backends.from]),
    [['default', 'cli']],
  );
  assert.deepEqual([config.stats.engine.interval, config.stats.window, config.stats.log], [30_000, 60_000, undefined]);
});

test('values that the original rejects by accident are accepted', () => {
  const config = configOf([
    ...STATIC,
    ...['--static-backends', 'http://vllm-engine:8000, http://[::1]:8000/x/,http://vllm-engine:8000/'],
    ...['--static-models', 'llama3:8b, qwen,other', '--static-aliases', 'gpt-4:llama3:8b, gpt-3:qwen'],
  ]);
  assert.deepEqual(backends(config), [
    ['http://vllm-engine:8000', ['llama3:8b', 'other'], {}],
    ['http://[::1]:8000/x', ['qwen'], {}],
  ]);
  assert.deepEqual({ ...config.models.aliases }, { 'gpt-4': 'llama3:8b', 'gpt-3': 'qwen' });
});

test('routing logic under its old names', () => {
  const types = Object.entries({
    roundrobin: 'round-robin',
    prefixaware: 'prefix-aware',
    kvaware: 'prefix-aware',
    loadaware: 'prefix-aware',
    'least-load': 'least-load',
  });
  for (const [old, type] of types) {
    const config = configOf(['--service-discovery', 'k8s', '--routing-logic', old]);
    assert.equal(config.routes[0]!.algorithm.type, type);
  }
  const session = configOf(['--service-discovery', 'k8s', '--routing-logic', 'session', '--session-key', 'x-user']);
  assert.deepEqual(session.routes[0]!.algorithm, {
    type: 'session',
    key: 'x-user',
    bounded: 0,
    otherwise: { type: 'least-load' },
  });
});

test('disaggregated prefill: one label selects itself, several become a role', () => {
  const one = configOf([
    ...['--service-discovery', 'k8s', '--routing-logic', 'disaggregated_prefill_orchestrated'],
    ...['--prefill-model-labels', 'pre', '--decode-model-labels', 'dec'],
  ]).routes[0]!.algorithm;
  assert.ok(one.type === 'disaggregated-prefill');
  assert.deepEqual(
    [one.form, { ...one.prefill.where }, { ...one.decode.where }],
    ['kv-transfer', { model: 'pre' }, { model: 'dec' }],
  );
  const several = configOf([
    ...['--service-discovery', 'static', '--routing-logic', 'disaggregated_prefill'],
    ...['--static-backends', 'http://a,http://b,http://c', '--static-models', 'm,m,m'],
    ...['--static-model-labels', 'p1,p2,d', '--prefill-model-labels', 'p1,p2', '--decode-model-labels', 'd'],
  ]);
  assert.deepEqual(
    backends(several).map(([, , labels]) => labels),
    [
      { model: 'p1', role: 'prefill' },
      { model: 'p2', role: 'prefill' },
      { model: 'd', role: 'decode' },
    ],
  );
  const algorithm = several.routes[0]!.algorithm;
  assert.ok(algorithm.type === 'disaggregated-prefill');
  assert.deepEqual([algorithm.form, { ...algorithm.prefill.where }], ['max-tokens', { role: 'prefill' }]);
  const k8s = parseArgv([
    ...['--service-discovery', 'k8s', '--routing-logic', 'disaggregated_prefill'],
    ...['--prefill-model-labels', 'a,b', '--decode-model-labels', 'd'],
  ]);
  assert.ok('message' in k8s && /takes one label with k8s/.test(k8s.message));
});

test('health checks, failover, logs and statistics', () => {
  const config = configOf([
    ...['--service-discovery', 'k8s', '--routing-logic', 'roundrobin', '--static-backend-health-checks'],
    ...['--static-backend-health-check-timeout-seconds', '5', '--max-instance-failover-reroute-attempts', '1'],
    ...['--log-stats', '--log-stats-interval', '10', '--log-level', 'warning', '--log-format', 'json'],
  ]);
  const { health, retry } = config.routes[0]!;
  assert.deepEqual([health.interval, health.timeout, retry.attempts], [60_000, 5000, 1]);
  assert.equal(config.stats.log?.every, 10_000);
  assert.deepEqual([config.logging.level, config.logging.format], ['warn', 'json']);
  assert.equal(
    configOf(['--service-discovery', 'k8s', '--routing-logic', 'roundrobin', '--log-stats']).stats.log?.every,
    30_000,
  );
});

const FILE = `
listeners: { public: { bind: "127.0.0.1:7000" } }
discovery: { lab: { type: static, backends: [{ url: "http://lab:1" }] } }
defaults: { algorithm: { type: session, header: x-user }, retry: { attempts: 1 } }
stats: { log: { every: 5s } }
`;

test('flags write over the file, and only what they name', () => {
  const config = configOf(['--port', '9000', '--engine-stats-interval', '5'], FILE);
  const { host, port } = config.listeners['public']!;
  assert.deepEqual([host, port], ['127.0.0.1', 9000]);
  assert.equal(config.stats.engine.interval, 5000);
  assert.equal(config.stats.log?.every, 5000);
  assert.equal(config.routes[0]!.retry.attempts, 1);
  assert.equal(config.routes[0]!.algorithm.type, 'session');
});

test('a routing logic replaces the algorithm of the file as a whole', () => {
  const config = configOf(['--routing-logic', 'session', '--session-key', 'y'], FILE);
  assert.deepEqual(config.routes[0]!.algorithm, {
    type: 'session',
    key: 'y',
    bounded: 0,
    otherwise: { type: 'least-load' },
  });
});

test('backends of flags are the source `cli` beside those of the file', () => {
  const both = configOf(['--static-backends', 'http://x:1'], FILE);
  assert.deepEqual(Object.keys(both.discovery), ['lab', 'cli']);
  assert.deepEqual(both.routes[0]!.backends.from, ['lab', 'cli'], 'a route without `from` takes all');
  const named = `${FILE}routes: [{ name: a, match: {}, backends: { from: [lab] } }]\n`;
  assert.deepEqual(configOf(['--static-backends', 'http://x:1'], named).routes[0]!.backends.from, ['lab']);
  assert.deepEqual(backends(configOf(['--static-backends', 'http://x:1'], FILE)), [['http://x:1', undefined, {}]]);
});

test('--set writes anything, in order', () => {
  const config = configOf(
    [
      ...['--set', 'stats.window=5s', '--set', 'stats.window=6s', '--set', 'routes.default.retry.statuses=[503]'],
      ...['--set', 'models.aliases["gpt-4.1"]=m', '--set', 'defaults.algorithm.type=random'],
    ],
    `${FILE}routes: [{ name: default, match: {} }]\n`,
  );
  assert.equal(config.stats.window, 6000);
  assert.deepEqual(config.routes[0]!.retry.statuses, [503]);
  assert.deepEqual({ ...config.models.aliases }, { 'gpt-4.1': 'm' });
  assert.deepEqual(config.routes[0]!.algorithm, { type: 'random' }, 'the members of another type are gone');
});

test('every flag with a path names one that the schema has', () => {
  for (const { name, path } of FLAGS) {
    if (path === undefined) continue;
    let schemas: Schema[] = [SCHEMA];
    for (const part of path.replaceAll('[*]', '.[*]').split('.')) {
      schemas = schemas.map(resolve).flatMap((schema) => {
        const options = schema.discriminator ? schema.oneOf!.map(resolve) : [schema];
        return options.flatMap((option) => (part === '[*]' ? option.items : memberSchema(option, part)) ?? []);
      });
      assert.ok(schemas.length > 0, `--${name}: ${path} at ${part}`);
    }
  }
});

test('every flag writes, is refused, or says that it does nothing', () => {
  const files = ['config', 'dynamic-config-yaml', 'dynamic-config-json', 'set'];
  const flags = FLAGS.filter(({ name }) => !files.includes(name));
  for (const { name, path } of flags) {
    const { unused, refused } = UNSUPPORTED[name] ?? {};
    assert.equal([path, unused, refused].filter((what) => what !== undefined).length, 1, name);
    assert.equal(path !== undefined, SUPPORTED.includes(name), name);
  }
  const known = [...SUPPORTED, ...Object.keys(UNSUPPORTED)];
  assert.deepEqual(
    known.filter((name) => !flags.some((flag) => flag.name === name)),
    [],
  );
});

test('--loadaware-beta is the load weight of prefix-aware, with loadaware only', () => {
  const flags = ['--service-discovery', 'k8s', '--loadaware-beta', '0.5', '--routing-logic'];
  const { algorithm } = configOf([...flags, 'loadaware']).routes[0]!;
  assert.equal(algorithm.type === 'prefix-aware' && algorithm.loadWeight, 0.5);
  const other = configOf([...flags, 'prefixaware']).routes[0]!.algorithm;
  assert.equal(other.type === 'prefix-aware' && other.loadWeight, 1);
});

test('--otel-* declare where traces go, over HTTP', () => {
  const SOURCE = [...STATIC, '--static-backends', 'http://a:8000', '--static-models', 'm'];
  const tracing = (...argv: string[]) => configOf([...SOURCE, ...argv]).tracing;
  const endpoint = (...argv: string[]) => tracing('--otel-endpoint', ...argv)?.endpoint;
  assert.equal(tracing(), undefined);
  assert.equal(endpoint(''), undefined);
  assert.equal(endpoint('otel:4317'), 'http://otel:4318/v1/traces');
  assert.equal(endpoint('otel:4317', '--otel-secure'), 'https://otel:4318/v1/traces');
  assert.equal(endpoint('otel'), 'http://otel:4318/v1/traces');
  assert.equal(endpoint('[::1]:5000'), 'http://[::1]:5000/v1/traces');
  assert.equal(endpoint('http://otel:4317'), 'http://otel:4318/v1/traces');
  assert.equal(endpoint('https://otel.example/mine/'), 'https://otel.example/mine/v1/traces');
  assert.equal(endpoint('https://otel.example/v1/traces'), 'https://otel.example/v1/traces');
  // As the original: everything.
  assert.deepEqual(
    { ...tracing('--otel-endpoint', 'otel:4317', '--otel-service-name', 'front') },
    {
      endpoint: 'http://otel:4318/v1/traces',
      sampleRatio: 1,
      serviceName: 'front',
      headers: Object.create(null),
    },
  );
});

test('--otel-* over a file, and what is said of them', () => {
  const file =
    'discovery: { a: { type: static, backends: [{ url: "http://b:1" }] } }\ntracing: { endpoint: "http://o:4318" }\n';
  const { tracing } = configOf(['--otel-service-name', 'front'], file);
  assert.deepEqual([tracing?.endpoint, tracing?.serviceName], ['http://o:4318/v1/traces', 'front']);
  const notices = (...argv: string[]) => {
    const parsed = parseArgv([...STATIC, '--static-backends', 'http://a:1', '--static-models', 'm', ...argv]);
    assert.ok('notices' in parsed, JSON.stringify(parsed));
    return parsed.notices.join('\n');
  };
  assert.match(notices('--otel-endpoint', 'otel:4317'), /to port 4318 instead of 4317/);
  assert.equal(notices('--otel-endpoint', 'otel:4318', '--otel-secure', '--otel-service-name', 'x'), '');
  assert.match(notices('--otel-service-name', 'x'), /no effect without --otel-endpoint/);
});
