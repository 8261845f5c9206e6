import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEngine } from '../../src/simulator/engine/engine.ts';
import { configFor, spawnRouter } from '../fakes/spawn-router.ts';
import { eventually } from './fleet.ts';

const run = promisify(execFile);
const VENV = fileURLToPath(new URL('../../.cache/py', import.meta.url));
const PYTHON = `${VENV}/bin/python`;
const SCRIPT = fileURLToPath(new URL('./sdks.py', import.meta.url));
const READY = `${VENV}/installed`;

/** A virtual environment with the SDKs, made once. Undefined, with the reason in `skip`, where it cannot be had. */
async function environment(): Promise<{ skip?: string }> {
  if (existsSync(READY)) return {};
  try {
    await rm(VENV, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', VENV]);
    await run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'openai', 'anthropic'], {
      timeout: 240_000,
    });
    await run('touch', [READY]);
    return {};
  } catch (error) {
    return { skip: `no Python with openai and anthropic: ${(error as Error).message.split('\n')[0]}` };
  }
}

test('the official SDKs for Python', async (t) => {
  const { skip } = await environment();
  if (skip !== undefined) {
    t.skip(skip);
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
  const { stdout } = await run(PYTHON, [SCRIPT, router.url, 'org/chat', 'embed', 'whisper'], { timeout: 60_000 });
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
