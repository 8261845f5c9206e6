import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';

const load = (...texts: string[]) =>
  loadConfig({ files: texts.map((text, index) => ({ name: `${index}.yaml`, text })), env: { A: 'x' } });

test('maps merge, routes append in file order, version may be repeated', () => {
  const { config, diagnostics } = load(
    'version: 1\ndiscovery: { a: { type: k8s } }\nroutes: [{ name: one, match: { models: [one] } }]\n',
    'version: 1\ndiscovery: { b: { type: k8s } }\nstats: { window: 5s }\n',
    'routes: [{ name: two, match: {}, backends: { from: [a] } }]\nstats: { log: {} }\n',
  );
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(Object.keys(config!.discovery), ['a', 'b']);
  assert.deepEqual(
    config!.routes.map(({ name, backends }) => [name, ...backends.from]),
    [
      ['one', 'a', 'b'],
      ['two', 'a'],
    ],
  );
  assert.deepEqual([config!.stats.window, config!.stats.log?.every], [5000, 30_000]);
});

test('whatever stands twice is an error that cites both places', () => {
  const { diagnostics } = load(
    'discovery: { a: { type: k8s } }\nstats: { window: 5s }\n',
    'discovery: { a: { type: k8s } }\nstats:\n  window: 5s\n',
  );
  assert.deepEqual(
    diagnostics.map(({ file, line, path, code, related }) => [file, line, path, code, related?.[0]?.file]),
    [
      ['1.yaml', 1, 'discovery.a', 'duplicate-key', '0.yaml'],
      ['1.yaml', 3, 'stats', 'duplicate-key', '0.yaml'],
    ],
  );
});

test('findings of several files are sorted by file, then position', () => {
  const { diagnostics } = load('discovery: { a: { type: k8s, x: 1 } }\n', 'loging: {}\nstats: { y: 1 }\n');
  assert.deepEqual(
    diagnostics.map(({ file, line }) => [file, line]),
    [
      ['0.yaml', 1],
      ['1.yaml', 1],
      ['1.yaml', 2],
    ],
  );
});

test('a file that is no map, or broken, is told with those of the others', () => {
  assert.deepEqual(
    load('a: [', '- b\n', 'c: "').diagnostics.map(({ file, code }) => [file, code]),
    [
      ['0.yaml', 'yaml-syntax'],
      ['2.yaml', 'yaml-syntax'],
    ],
  );
  assert.deepEqual(
    load('discovery: { a: { type: k8s } }', '- b\n').diagnostics.map(({ file, code }) => [file, code]),
    [['1.yaml', 'wrong-type']],
  );
});
