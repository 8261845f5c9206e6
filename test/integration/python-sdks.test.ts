import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEngine } from '../../src/simulator/engine/engine.ts';
import { isCi } from '../fakes/ci.ts';
import { configFor, spawnRouter } from '../fakes/spawn-router.ts';
import { eventually } from './fleet.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('./sdks.py', import.meta.url));
const PREPARE = fileURLToPath(new URL('../../scripts/python-sdks.sh', import.meta.url));

test('the official SDKs for Python', async (t) => {
  let python: string;
  try {
    python = (await run(PREPARE, { timeout: 240_000 })).stdout.trim();
  } catch (error) {
    if (isCi()) throw error;
    const said = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1);
    t.skip(`no Python with the SDKs: ${said || (error as Error).message}`);
    return;
  }
  const engines = await Promise.all([
    startEngine({ models: ['org/chat'] }),
    startEngine({ models: ['embed'], kind: 'pooling' }),
    startEngine({ models: ['whisper'], kind: 'transcription' }),
  ]);
  const router = await spawnRouter({ config: configFor(engines.map(({ url }) => ({ url }))) });
  t.after(async () => {
    await router.stop('SIGKILL');
    await Promise.all(engines.map((engine) => engine.kill()));
  });
  await eventually(async () => {
    const { data } = (await (await fetch(`${router.url}/v1/models`)).json()) as { data: unknown[] };
    return data.length === 3;
  });
  const { stdout } = await run(python, [SCRIPT, router.url, 'org/chat', 'embed', 'whisper'], { timeout: 60_000 });
  const results = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { check: string; ok: boolean; error?: string });
  assert.equal(results.length, 9);
  for (const { check, ok, error } of results) {
    await t.test(check, () => assert.ok(ok, error));
  }
  // The last check left a request that was running.
  await engines[0]!.until((engine) => engine.running === 0);
});
