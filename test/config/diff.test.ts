import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffDocuments } from '../../src/config/diff.ts';
import { formatChange, formatChanges } from '../../src/config/diff-text.ts';
import { loadConfig } from '../../src/config/load.ts';

function effective(text: string) {
  const { effective, config, diagnostics } = loadConfig({ files: [{ name: 'a.yaml', text }], env: {} });
  assert.ok(config, JSON.stringify(diagnostics));
  return effective;
}

const changes = (before: string, after: string) => diffDocuments(effective(before), effective(after)).map(formatChange);

const BASE = `
discovery:
  lab: { type: static, backends: [{ url: "http://a:1" }, { url: "http://b:1" }] }
routes:
  - { name: one, match: { models: [one] } }
  - { name: two, match: { models: [two] }, retry: { attempts: 0 } }
  - { name: rest, match: {} }
`;

test('the same meaning is no change', () => {
  assert.deepEqual(
    changes(BASE, `stats: { window: 1m }\nversion: 1\n${BASE.replace('http://a:1', 'http://A:1/')}`),
    [],
  );
  assert.equal(formatChanges([]), 'no change\n');
});

test('a change of defaults is told once, with the routes that it reaches', () => {
  assert.deepEqual(changes(BASE, `${BASE}defaults: { retry: { attempts: 1 } }`), [
    '~ retry.attempts of one, rest: 2 → 1 (hot)',
  ]);
});

test('routes are compared by name, backends by URL', () => {
  const after = BASE.replace('{ url: "http://a:1" }, ', '{ url: "http://c:1" }, ')
    .replace('http://b:1" }', 'http://b:1", weight: 3 }')
    .replace('routes:', 'routes:\n  - { name: new, match: { models: [new] } }')
    .replace('  - { name: one, match: { models: [one] } }\n', '');
  assert.deepEqual(
    changes(BASE, after).map((line) => line.split(': ')[0]),
    [
      '+ discovery.lab.backends["http://c:1"]',
      '~ discovery.lab.backends["http://b:1"].weight',
      '- discovery.lab.backends["http://a:1"]',
      '+ routes.new',
      '- routes.one',
    ],
  );
});

test('the order of routes matters, that of backends does not', () => {
  const lines = BASE.split('\n');
  const swapped = [...lines.slice(0, 4), lines[5], lines[4], ...lines.slice(6)].join('\n');
  assert.deepEqual(changes(BASE, swapped), ['↕ routes: [ one, two, rest ] → [ two, one, rest ] (hot)']);
  const backends = BASE.replace(
    '{ url: "http://a:1" }, { url: "http://b:1" }',
    '{ url: "http://b:1" }, { url: "http://a:1" }',
  );
  assert.deepEqual(changes(BASE, backends), []);
});

test('what a change takes: hot or rebind', () => {
  const tls = (cert: string) => `listeners: { public: { tls: { certFile: ${cert}, keyFile: k } } }\n`;
  assert.deepEqual(
    changes(BASE, `${BASE}listeners: { public: { bind: 0.0.0.0:1 }, ops: { bind: 0.0.0.0:2 } }`).map((line) =>
      line.replace(/: .* \(/, ' ('),
    ),
    ['~ listeners.public.bind (rebind)', '+ listeners.ops (rebind)'],
  );
  assert.deepEqual(changes(BASE + tls('a'), BASE + tls('b')), ['~ listeners.public.tls.certFile: a → b (hot)']);
  assert.deepEqual(changes(BASE, BASE + tls('a')), ['+ listeners.public.tls: { certFile: a, keyFile: k } (rebind)']);
  assert.match(
    formatChanges(
      diffDocuments(
        effective(BASE),
        effective(`${BASE}listeners: { public: { bind: 0.0.0.0:1 } }\nstats: { window: 1s }`),
      ),
    ),
    /2 changes: 1 hot, 1 rebind\n$/,
  );
});

test('another type is one change, a member of the same type its own', () => {
  const algorithm = (text: string) => `${BASE}defaults: { algorithm: { ${text} } }`;
  assert.deepEqual(changes(BASE, algorithm('type: session, header: a')), [
    '~ algorithm of one, two, rest: { type: round-robin } → { type: session, header: a, otherwise: least-load } (hot)',
  ]);
  assert.deepEqual(changes(algorithm('type: session, header: a'), algorithm('type: session, header: b')), [
    '~ algorithm.header of one, two, rest: a → b (hot)',
  ]);
});

test('tracing that comes, changes and goes takes no more than the reload', () => {
  const on = `${BASE}tracing: { endpoint: "http://otel:4318", headers: { authorization: { env: TOKEN } } }\n`;
  assert.deepEqual(changes(on, on.replace('4318"', '4318", sampleRatio: 0.05')), [
    '~ tracing.sampleRatio: 1 → 0.05 (hot)',
  ]);
  for (const found of [changes(BASE, on), changes(on, BASE)]) assert.match(found.join(), /^[+-] tracing: .*\(hot\)$/);
});

test('what is new is told as somebody would have written it, without its defaults', () => {
  const after = `${BASE}listeners: { ops: { bind: "127.0.0.1:9090", serve: [admin] } }\nstats: { log: {} }\n`.replace(
    'routes:',
    'routes:\n  - { name: new, match: { models: [new] }, retry: { attempts: 1 } }',
  );
  assert.deepEqual(
    changes(BASE, after).filter((line) => line.startsWith('+')),
    [
      '+ listeners.ops: { bind: 127.0.0.1:9090, serve: [ admin ] } (rebind)',
      '+ routes.new: { name: new, match: { models: [ new ] }, backends: { from: [ lab ] }, retry: { attempts: 1 } } (hot)',
      '+ stats.log: { every: 30s } (hot)',
    ],
  );
  const policies = changes(BASE, BASE.replace('  - { name: rest, match: {} }', '')).join('\n');
  assert.equal(policies, '- routes.rest: { name: rest, match: {}, backends: { from: [ lab ] } } (hot)');
});
