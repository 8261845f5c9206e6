import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { configFor, type LogLine, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { chatRequest } from './fleet.ts';

const PATTERN = /^Routing request (\S+) with session id (\S+) to (\S+) at (\d+\.\d+), process time = (\d+\.\d{4})$/;
let engine: Engine;
const routers: SpawnedRouter[] = [];

before(async () => {
  engine = await startEngine({ models: ['m'] });
});

after(async () => {
  await Promise.all(routers.map((router) => router.stop('SIGKILL')));
  await engine.kill();
});

async function start(config: unknown, flags: readonly string[] = []): Promise<SpawnedRouter> {
  const router = await spawnRouter({ config, flags, bare: flags.length > 0 });
  routers.push(router);
  return router;
}

async function ask(router: SpawnedRouter, session: string): Promise<void> {
  const headers = { 'x-user-id': session, 'x-request-id': 'req-1' };
  assert.equal((await rawRequest(router.url, { ...chatRequest('m'), headers })).status, 200);
  await router.logged(({ msg }) => msg === 'request');
}

const lines = ({ logs }: SpawnedRouter): LogLine[] => logs.filter(({ msg }) => msg?.startsWith('Routing request'));

test("with the original's flags alone each attempt has the original's line, on stdout at info", async () => {
  const flags = ['--host', '127.0.0.1', '--port', '0', '--service-discovery', 'static'];
  flags.push('--static-backends', engine.url, '--static-models', 'm');
  const router = await start({}, [...flags, '--routing-logic', 'session', '--session-key', 'x-user-id']);
  await ask(router, 'ada');
  const [line, ...more] = lines(router);
  assert.equal(more.length, 0);
  assert.equal(line!['level'], 'info');
  const [, request, session, url] = PATTERN.exec(line!.msg!)!;
  assert.deepEqual([request, session, url], ['req-1', 'ada', engine.url]);
});

test('with a file it is off until it is asked for, and then from the next request on', async () => {
  const config = configFor([{ url: engine.url, models: ['m'] }]);
  const router = await start(config);
  await ask(router, 'ada');
  assert.deepEqual(lines(router), []);
  await router.reload({ ...config, logging: { routing: true } });
  await ask(router, 'ada');
  await router.logged(({ msg }) => msg?.startsWith('Routing request') === true);
  assert.match(lines(router)[0]!.msg!, PATTERN);
});
