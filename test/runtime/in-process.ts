import type { TestContext } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { createLogger } from '../../src/log.ts';
import { Router, type RouterOptions } from '../../src/runtime/router.ts';
import { configFor, type TestBackend } from '../fakes/spawn-router.ts';

/** A router inside the test's own process, where a test can reach what a process hides. */
export async function startRouter(
  t: TestContext,
  backends: readonly TestBackend[],
  more: Readonly<Record<string, unknown>> = {},
  options: Partial<RouterOptions> = {},
): Promise<{ router: Router; url: string }> {
  const text = JSON.stringify(configFor(backends, { logging: { level: 'fatal' }, ...more }));
  const { config, diagnostics } = loadConfig({ files: [{ name: 'router.yaml', text }], env: {} });
  if (config === undefined) throw new Error(JSON.stringify(diagnostics));
  const control = {
    source: 'router.yaml',
    loaded: () => undefined,
    last: () => undefined,
    reload: () => Promise.reject(new Error('not here')),
  };
  const router = new Router({
    log: createLogger({ level: 'fatal', format: 'json' }),
    version: 'test',
    config,
    resolveSecret: () => undefined,
    authenticate: () => undefined,
    control,
    ...options,
  });
  await router.apply(config, 'hash');
  t.after(() => router.stop());
  const [listener] = [...router.listeners].map(({ address }) => address);
  return { router, url: `http://127.0.0.1:${listener!.port}` };
}
