import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import type { Log } from '../../src/log.ts';
import { ConfigLoader } from '../../src/runtime/config-loader.ts';

const warnings: unknown[] = [];
const log: Log = {
  debug() {},
  info() {},
  warn: (_: object, message?: string) => warnings.push(message),
  error() {},
  fatal() {},
} as unknown as Log;

/** `count` backends, 200 characters each: a hundred are more than what is read beside requests. */
function question(count: number, more: object = {}) {
  const backends = Array.from({ length: count }, (_, index) => ({
    url: `http://engine-${index}.example:8000`,
    models: ['m'],
    labels: { rack: `${index}`.padEnd(100, 'x') },
  }));
  const document = {
    version: 1,
    listeners: { public: { bind: '127.0.0.1:0', serve: ['openai'] } },
    discovery: { lab: { type: 'static', backends } },
    models: { aliases: { a: 'm' } },
    routes: [{ name: 'all', match: {} }],
    ...more,
  };
  const overlay = [{ path: ['shutdown', 'drain'], value: '7s', origin: 'flag', flag: '--drain' }] as const;
  return { files: [{ name: 'router.yaml', text: JSON.stringify(document) }], overlay };
}

for (const count of [2, 200]) {
  test(`${count} backends: the config is that of a load in one go, frozen and without prototypes`, async (t) => {
    const loader = new ConfigLoader(log);
    t.after(() => loader.close());
    const asked = question(count);
    const { config, diagnostics } = await loader.load(asked);
    const whole = loadConfig({ ...asked, env: process.env });
    assert.deepEqual(config, whole.config);
    assert.deepEqual(diagnostics, whole.diagnostics);
    assert.equal(config!.shutdown.drain, 7_000);
    assert.ok(Object.isFrozen(config!.routes[0]));
    assert.equal(Object.getPrototypeOf(config!.models.aliases), null);
    assert.equal((await loader.load(asked)).config?.discovery['lab']?.type, 'static', 'and again');
  });

  test(`${count} backends: what is wrong is found`, async (t) => {
    const loader = new ConfigLoader(log);
    t.after(() => loader.close());
    const asked = question(count, { rutes: [] });
    const { config, diagnostics } = await loader.load(asked);
    assert.equal(config, undefined);
    assert.deepEqual(diagnostics, loadConfig({ ...asked, env: process.env }).diagnostics);
    assert.equal(diagnostics[0]!.code, 'unknown-key');
  });
}

test('without a thread a large config is made all the same', async (t) => {
  const loader = new ConfigLoader(log, new URL('file:///nowhere/config-worker.ts'));
  t.after(() => loader.close());
  warnings.length = 0;
  const { config } = await loader.load(question(200));
  assert.equal(config?.routes[0]?.name, 'all');
  assert.match(String(warnings[0]), /no thread for a large config/);
});
