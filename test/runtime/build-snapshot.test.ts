import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpstreamPool } from '../../src/backends/pool.ts';
import { BackendRegistry } from '../../src/backends/registry.ts';
import { loadConfig } from '../../src/config/load.ts';
import { buildSnapshot } from '../../src/runtime/build-snapshot.ts';

const registry = new BackendRegistry({ createPool: () => ({}) as UpstreamPool, now: () => 0 });
const context = { random: () => 0, now: () => 0 };

function config(models: string, algorithm: string) {
  const text = JSON.stringify({
    version: 1,
    listeners: { public: { bind: '127.0.0.1:0', serve: ['openai'] } },
    discovery: { lab: { type: 'static', backends: [{ url: 'http://a' }] } },
    defaults: { algorithm: { type: algorithm } },
    routes: [
      { name: 'one', match: { models: [models] } },
      { name: 'two', match: {}, algorithm: { type: 'round-robin' } },
    ],
  });
  return loadConfig({ files: [{ name: 'router.yaml', text }], env: {} }).config!;
}

test('a route that a reload leaves alone stays the same object', () => {
  const before = buildSnapshot(config('a', 'random'), '1', undefined, registry, context);
  const after = buildSnapshot(config('b', 'random'), '2', before, registry, context);
  assert.equal(after.generation, 2);
  assert.notEqual(after.routes[0], before.routes[0]);
  assert.equal(after.routes[0]!.algorithm, before.routes[0]!.algorithm, 'what it has learnt stays');
  assert.equal(after.routes[1], before.routes[1]);
  const other = buildSnapshot(config('b', 'least-load'), '3', after, registry, context);
  assert.notEqual(other.routes[0]!.algorithm, after.routes[0]!.algorithm);
  assert.equal(other.routes[1], before.routes[1]);
});
