import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import { rawRequest } from '../fakes/raw-client.ts';
import { configFor, type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import { chatRequest, eventually } from './fleet.ts';

/**
 * The resolver as libuv has it unless told: two lookups at a time. `stalls.test` is never answered; from SIGUSR2 on all lookups fail.
 * Other names are this machine.
 */
const RESOLVER = `
import dns from 'node:dns';
const real = dns.lookup;
const queue = [];
let free = 2;
let failing = false;
process.on('SIGUSR2', () => { failing = true; process.stderr.write('the resolver fails\\n'); });
const next = () => {
  while (free > 0 && queue.length > 0) {
    const [name, options, done] = queue.shift();
    free--;
    if (name === 'stalls.test') continue;
    if (failing) setImmediate(() => { free++; done(Object.assign(new Error('EAI_AGAIN'), { code: 'EAI_AGAIN' })); next(); });
    else real('127.0.0.1', options, (...answer) => { free++; done(...answer); next(); });
  }
};
dns.lookup = (name, options, done) => { queue.push([name, options, done]); next(); };
`;

let engines: Engine[];
let router: SpawnedRouter;

before(async () => {
  engines = await Promise.all([1, 2].map(() => startEngine({ models: ['m'] })));
  const backends = [
    { url: 'http://stalls.test:9', models: ['m'] },
    ...engines.map(({ url }, index) => ({ url: url.replace('127.0.0.1', `engine-${index}.test`), models: ['m'] })),
  ];
  const defaults = { algorithm: { type: 'round-robin' }, timeouts: { connect: '1s' } };
  router = await spawnRouter({ config: configFor(backends, { defaults }), preload: RESOLVER });
});
after(async () => {
  await router.stop('SIGKILL');
  await Promise.all(engines.map((engine) => engine.kill()));
});

const statuses = async (count: number) => {
  const answers = await Promise.all(Array.from({ length: count }, () => rawRequest(router.url, chatRequest('m'))));
  return answers.map(({ status }) => status);
};

test('a backend whose name stalls in the resolver takes no other with it', async () => {
  // The last are more than there are connections, and a third of them is no more than may always be tried again.
  for (const count of [3, 3, 9]) assert.deepEqual(await statuses(count), Array(count).fill(200));
});

test('with a resolver that fails for all names, the addresses known from before are used', async () => {
  router.signal('SIGUSR2');
  await eventually(() => router.noise.includes('the resolver fails'));
  assert.deepEqual(await statuses(24), Array(24).fill(200));
});

test('lookups have 16 threads to share', { skip: process.platform !== 'linux' && 'reads /proc' }, async () => {
  const tasks = `/proc/${router.pid}/task`;
  const threads = () => readdirSync(tasks).map((task) => readFileSync(`${tasks}/${task}/comm`, 'utf8').trim());
  const workers = () => threads().filter((name) => name === 'libuv-worker').length;
  // The names above never get as far as a thread: reading a file does.
  await router.reload(readFileSync(router.configFile, 'utf8').replace('"1s"', '"2s"'));
  await eventually(() => workers() > 0);
  assert.equal(workers(), 16);
});
