import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyOverlay, type OverlayEntry } from '../../src/config/overlay.ts';
import { parseFile } from '../../src/config/parse.ts';
import { type MapNode, type Path, type Plain, toPlain } from '../../src/config/tree.ts';

function overlaid(
  text: string,
  ...entries: [Path, unknown, ('host' | 'port')?][]
): { value: Plain; problems: string[] } {
  const root = parseFile({ name: 'a.yaml', text }).root as MapNode;
  const overlay = entries.map(
    ([path, value, half]): OverlayEntry => ({ path, value, origin: 'flag', flag: '--x', ...(half && { half }) }),
  );
  const problems = applyOverlay(root, overlay).map(({ message }) => message);
  return { value: toPlain(root), problems };
}

function boundTo(value: Plain): string {
  return (value as { listeners: { public: { bind: string } } }).listeners.public.bind;
}

test('values are written where they belong, missing maps are made', () => {
  const { value, problems } = overlaid('a: { b: 1 }', [['a', 'b'], 2], [['stats', 'log', 'every'], '5s']);
  assert.deepEqual(problems, []);
  assert.deepEqual(value, { a: { b: 2 }, stats: { log: { every: '5s' } } });
});

test('one half of a bind leaves the other', () => {
  const bind = ['listeners', 'public', 'bind'];
  const result = (text: string, value: string, half: 'host' | 'port') =>
    boundTo(overlaid(text, [bind, value, half]).value);
  assert.equal(result('x: 1', '9000', 'port'), '0.0.0.0:9000');
  assert.equal(result('x: 1', '::1', 'host'), '[::1]:8001');
  assert.equal(result('listeners: { public: { bind: "[::1]:80" } }', '81', 'port'), '[::1]:81');
  assert.equal(result('listeners: { public: { bind: localhost:80 } }', '0.0.0.0', 'host'), '0.0.0.0:80');
  const both = overlaid('x: 1', [bind, '127.0.0.1', 'host'], [bind, '7', 'port']).value;
  assert.equal(boundTo(both), '127.0.0.1:7');
});

test('routes are found by name or number; a number past the end appends', () => {
  const text = 'routes: [{ name: a }, { name: b }]';
  assert.deepEqual(overlaid(text, [['routes', 'b', 'x'], 1], [['routes', 0, 'y'], 2]).value, {
    routes: [
      { name: 'a', y: 2 },
      { name: 'b', x: 1 },
    ],
  });
  assert.deepEqual(overlaid(text, [['routes', 2, 'name'], 'c']).value, {
    routes: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
  });
  for (const path of [
    ['routes', 'c', 'x'],
    ['routes', 3, 'x'],
    ['routes', 'c'],
    ['routes', 0, 'name', 'x'],
  ]) {
    assert.equal(overlaid(text, [path, 1]).problems.length, 1, JSON.stringify(path));
  }
  assert.match(overlaid('a: 1', [['routes', 'c', 'x'], 1]).problems[0]!, /no routes/);
});

test('another type starts its map afresh, the same type keeps it', () => {
  const text = 'discovery: { cli: { type: k8s, port: 9 } }';
  assert.deepEqual(overlaid(text, [['discovery', 'cli', 'type'], 'static']).value, {
    discovery: { cli: { type: 'static' } },
  });
  assert.deepEqual(overlaid(text, [['discovery', 'cli', 'type'], 'k8s']).value, {
    discovery: { cli: { type: 'k8s', port: 9 } },
  });
});
