import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePorts } from '../fakes/free-ports.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { spawnEngine } from '../fakes/spawn-engine.ts';
import { configFor, spawnRouter } from '../fakes/spawn-router.ts';
import { chatRequest, errorOf, eventually } from './fleet.ts';

test('fault 32: until its engines have said what they serve, no model is one that does not exist', async (t) => {
  const port = await freePorts(1);
  const router = await spawnRouter({ config: configFor([{ url: `http://127.0.0.1:${port}` }]) });
  t.after(() => router.stop());
  const ask = (model: string) => rawRequest(router.url, chatRequest(model));
  const early = await ask('m');
  assert.deepEqual([early.status, errorOf(early).code], [503, 'models_unknown']);
  assert.ok(Number(early.headers['retry-after']) > 0);
  const engine = await spawnEngine(['--model', 'm', '--port', String(port)]);
  t.after(() => engine.end());
  await eventually(async () => (await ask('m')).status === 200);
  const unknown = await ask('n');
  assert.deepEqual([unknown.status, errorOf(unknown).code], [404, 'model_not_found']);
  // It is down again: its models are known, and what nobody serves is still nothing that will come.
  await engine.end();
  assert.equal((await ask('n')).status, 404);
});
