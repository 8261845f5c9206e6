import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Loaded, loadConfig, loadSteps } from '../../src/config/load.ts';
import type { OverlayEntry } from '../../src/config/overlay.ts';

const SMALLEST = `
discovery:
  gpus:
    type: static
    backends:
      - url: http://gpu1:8000/
`;

function load(text: string, env: Record<string, string> = {}, overlay: OverlayEntry[] = []): Loaded {
  return loadConfig({ files: [{ name: 'router.yaml', text }], env, overlay });
}

function config(text: string, env: Record<string, string> = {}, overlay: OverlayEntry[] = []) {
  const loaded = load(text, env, overlay);
  assert.deepEqual(loaded.diagnostics, []);
  return loaded.config!;
}

const flag = (path: (string | number)[], value: unknown): OverlayEntry => ({
  path,
  value,
  origin: 'flag',
  flag: '--test',
});

test('a source and nothing else is a whole configuration', () => {
  const { listeners, routes, discovery, stats, logging } = config(SMALLEST);
  assert.deepEqual(Object.keys(listeners), ['public']);
  assert.deepEqual(
    { ...listeners['public'] },
    {
      name: 'public',
      host: '0.0.0.0',
      port: 8001,
      serve: ['openai', 'health', 'metrics'],
      maxBodySize: 32 * 1024 * 1024,
      allowExplain: false,
    },
  );
  assert.deepEqual(discovery['gpus'], {
    type: 'static',
    name: 'gpus',
    refresh: 30_000,
    backends: [{ url: 'http://gpu1:8000', labels: {}, weight: 1 }],
  });
  assert.equal(routes.length, 1);
  const [route] = routes;
  assert.equal(route!.name, 'default');
  assert.deepEqual(route!.match.models, []);
  assert.deepEqual(route!.backends, { from: ['gpus'], where: {} });
  assert.deepEqual(route!.algorithm, { type: 'round-robin' });
  assert.deepEqual(route!.shadow, []);
  assert.deepEqual(route!.timeouts, { connect: 2000, firstByte: 600_000, idle: 120_000, total: 3_600_000 });
  assert.equal(stats.window, 60_000);
  assert.equal(stats.log, undefined);
  assert.equal(logging.level, 'info');
});

test('the config is frozen all the way down', () => {
  const loaded = config(SMALLEST);
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return;
    assert.ok(Object.isFrozen(value));
    for (const child of Object.values(value)) visit(child);
  };
  visit(loaded);
});

test('defaults lie under every route: maps merge, scalars and lists replace, an algorithm replaces as a whole', () => {
  const { routes } = config(
    `${SMALLEST}
defaults:
  algorithm: { type: session, header: X-Session, bounded: 1.25 }
  timeouts: { connect: 1s, total: 2m }
  retry: { statuses: [502] }
routes:
  - name: a
    match: {}
    timeouts: { total: 1m }
    retry: { statuses: [503, 504], attempts: 0 }
  - name: b
    match: {}
    algorithm: { type: session, cookie: sid }
  - name: c
    match: {}
    algorithm: { type: least-load }
`
      .replace('match: {}\n    algorithm: { type: session', 'match: { models: [b] }\n    algorithm: { type: session')
      .replace('name: a\n    match: {}', 'name: a\n    match: { models: [a] }'),
  );
  const [a, b, c] = routes;
  assert.deepEqual(a!.timeouts, { connect: 1000, firstByte: 600_000, idle: 120_000, total: 60_000 });
  assert.deepEqual(a!.retry, { attempts: 0, statuses: [503, 504], budget: 0.2 });
  assert.deepEqual(a!.algorithm, {
    type: 'session',
    header: 'X-Session',
    bounded: 1.25,
    otherwise: { type: 'least-load' },
  });
  assert.deepEqual(b!.algorithm, { type: 'session', cookie: 'sid', bounded: 0, otherwise: { type: 'least-load' } });
  assert.deepEqual(c!.algorithm, { type: 'least-load' });
  assert.deepEqual(b!.retry, { attempts: 2, statuses: [502], budget: 0.2 });
});

test('algorithms get their own defaults, roles and `otherwise` too', () => {
  const { routes } = config(`${SMALLEST}
routes:
  - name: split
    match: {}
    algorithm:
      type: disaggregated-prefill
      prefill: { where: {}, algorithm: { type: prefix-aware } }
      decode: { where: {} }
`);
  assert.deepEqual(routes[0]!.algorithm, {
    type: 'disaggregated-prefill',
    form: 'max-tokens',
    prefill: {
      where: {},
      algorithm: {
        type: 'prefix-aware',
        indexSize: 64 * 1024 * 1024,
        loadWeight: 1,
        otherwise: { type: 'least-load' },
      },
    },
    decode: { where: {}, algorithm: { type: 'round-robin' } },
  });
  const session = config(`${SMALLEST}\ndefaults: { algorithm: { type: session, key: user, otherwise: prefix-aware } }`);
  assert.deepEqual(session.routes[0]!.algorithm, {
    type: 'session',
    key: 'user',
    bounded: 0,
    otherwise: { type: 'prefix-aware', indexSize: 64 * 1024 * 1024, loadWeight: 1, otherwise: { type: 'least-load' } },
  });
});

test('Kubernetes: one namespace or several, three ways to say the port', () => {
  const source = (members: string) => config(`discovery: { c: { type: k8s, ${members} } }`).discovery['c'];
  assert.deepEqual(source('refresh: 1m'), {
    type: 'k8s',
    name: 'c',
    mode: 'pod-ip',
    namespaces: ['default'],
    labelSelector: '',
    port: 8000,
    protocol: 'http',
    resync: 300_000,
    keepLastKnown: 0,
    refresh: 60_000,
  });
  const ports = ['port: 9', 'portName: http', 'portAnnotation: vllm.ai/port'].map((text) => {
    const found = source(text);
    return found?.type === 'k8s' ? found.port : undefined;
  });
  assert.deepEqual(ports, [9, { name: 'http' }, { annotation: 'vllm.ai/port' }]);
  const several = source('namespaces: [a, b]');
  assert.deepEqual(several?.type === 'k8s' && several.namespaces, ['a', 'b']);
});

test('header names are lower case; aliases are followed to their model', () => {
  const loaded = config(`${SMALLEST}
models: { aliases: { gpt-4: gpt-4o, gpt-4o: llama } }
routes: [{ name: a, match: { headers: { X-Team: "a*" } } }]
`);
  assert.deepEqual({ ...loaded.routes[0]!.match.headers }, { 'x-team': 'a*' });
  assert.deepEqual({ ...loaded.models.aliases }, { 'gpt-4': 'llama', 'gpt-4o': 'llama' });
});

test('names that JavaScript has already mean nothing', () => {
  const loaded = config(`${SMALLEST}\nmodels: { aliases: { __proto__: llama, toString: llama } }`);
  assert.deepEqual(Object.keys(loaded.models.aliases).sort(), ['__proto__', 'toString']);
  assert.equal(loaded.models.aliases['constructor'], undefined);
  assert.equal(loaded.listeners['constructor'], undefined);
  const { diagnostics } = load(`${SMALLEST}\n__proto__: { x: 1 }\nconstructor: 1`);
  assert.deepEqual(
    diagnostics.map(({ code, line }) => [code, line]),
    [
      ['unknown-key', 8],
      ['unknown-key', 9],
    ],
  );
});

test('the effective document is complete, keeps units as text, and is accepted as a file', () => {
  const loaded = load(SMALLEST);
  assert.deepEqual((loaded.effective as Record<string, unknown>)['stats'], {
    prometheus: { path: '/metrics', maxModels: 100 },
    engine: { interval: '30s', timeout: '2s', staleAfter: '90s' },
    window: '60s',
  });
  const again = load(JSON.stringify(loaded.effective));
  assert.deepEqual(again.diagnostics, []);
  assert.deepEqual(again.config, loaded.config);
  assert.deepEqual(again.effective, loaded.effective);
});

test('every value has an origin: file, flag or default', () => {
  const { origins, diagnostics } = load(SMALLEST, {}, [flag(['stats', 'window'], '10s')]);
  assert.deepEqual(diagnostics, []);
  const url = origins(['discovery', 'gpus', 'backends', 0, 'url']);
  assert.deepEqual(url.from === 'file' && [url.place.file, url.place.line, url.place.col], ['router.yaml', 6, 14]);
  assert.deepEqual(origins(['stats', 'window']), { from: 'flag', flag: '--test' });
  assert.deepEqual(origins(['routes', 0, 'retry', 'attempts']), { from: 'default' });
  const inherited = load(`${SMALLEST}\ndefaults: { retry: { attempts: 1 } }`).origins([
    'routes',
    0,
    'retry',
    'attempts',
  ]);
  assert.equal(inherited.from, 'file');
});

test('nothing of the effective document is left out by origins of the merged route', () => {
  const loaded = load(`${SMALLEST}\nroutes: [{ name: a, match: {}, retry: { attempts: 5 } }]`);
  const attempts = loaded.origins(['routes', 0, 'retry', 'attempts']);
  assert.equal(attempts.from === 'file' && attempts.place.line, 8);
  assert.equal(loaded.origins(['routes', 0, 'retry', 'budget']).from, 'default');
});

test('all findings come at once, sorted by position', () => {
  const { diagnostics, config: none } = load(`
routes:
  - { name: a, match: {}, backends: { from: [nowhere] } }
discovery: { c: { type: k8s, prot: 1, namespace: "\${UNSET}" } }
stats: { window: 10 }
`);
  assert.equal(none, undefined);
  assert.deepEqual(
    diagnostics.map(({ line, code }) => [line, code]),
    [
      [3, 'unknown-reference'],
      [4, 'unknown-key'],
      [4, 'unset-variable'],
      [5, 'missing-unit'],
    ],
  );
});

test('YAML anchors and merge keys are resolved', () => {
  const { routes } = config(`${SMALLEST}
routes:
  - name: a
    match: { models: [a] }
    timeouts: &slow { total: 30m, idle: 5m }
  - name: b
    match: {}
    timeouts:
      <<: *slow
      idle: 1m
`);
  assert.deepEqual([routes[1]!.timeouts.total, routes[1]!.timeouts.idle], [1_800_000, 60_000]);
});

test('a value that flags gave is reported under the flag', () => {
  const { diagnostics } = load(SMALLEST, {}, [flag(['stats', 'window'], 'soon')]);
  assert.deepEqual(
    diagnostics.map(({ file, line, path, code }) => [file, line, path, code]),
    [['--test', 0, 'stats.window', 'bad-value']],
  );
});

test('a load can rest at many places, and ends with the same', () => {
  const backends = Array.from({ length: 20 }, (_, i) => `      - url: http://gpu${i}:8000/`).join('\n');
  const input = { files: [{ name: 'router.yaml', text: `${SMALLEST}${backends}\n` }], env: {} };
  const steps = loadSteps(input);
  let rests = 0;
  let step = steps.next();
  for (; !step.done; step = steps.next()) rests++;
  assert.ok(rests > 15, `${rests}`);
  const { origins: _, ...loaded } = step.value;
  const { origins: __, ...whole } = loadConfig(input);
  assert.deepEqual(loaded, whole);
});

test('more static backends than the router has room for are refused, at the first one too many', () => {
  const backend = (_: unknown, i: number) => `      - { url: 'http://10.0.${i >> 8}.${i & 255}', models: [m] }`;
  const source = (name: string, from: number, count: number) => [
    `  ${name}:`,
    '    type: static',
    '    backends:',
    ...Array.from({ length: count }, (_, i) => backend(_, from + i)),
  ];
  const lines = (more: number) =>
    ['discovery:', ...source('a', 0, 16_000), ...source('b', 16_000, 384 + more)].join('\n');
  assert.deepEqual(load(lines(0)).diagnostics, []);
  const { diagnostics } = load(lines(3));
  assert.deepEqual(
    diagnostics.map(({ line, path, code, severity }) => [line, path, code, severity]),
    [[1 + 3 + 16_000 + 3 + 385, 'discovery.b.backends[384]', 'out-of-range', 'error']],
  );
  assert.match(diagnostics[0]!.hint!, /each router a part/);
});
