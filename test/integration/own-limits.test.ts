import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { WITHOUT_PRLIMIT } from '../fakes/prlimit.ts';
import { RawClient } from '../fakes/raw-client.ts';
import { chatRequest, errorOf, eventually, Fleet } from './fleet.ts';

const checksOf = (fleet: Fleet) => fleet.of('m')[0]!.requests.filter(({ url }) => url === '/health').length;

test('with no descriptor left it lives on, and its trouble is held against no backend', {
  skip: WITHOUT_PRLIMIT,
}, async (t) => {
  const preload = `
    const { rss } = process.memoryUsage;
    process.memoryUsage.rss = () => {
      try {
        return rss();
      } catch (error) {
        process.stderr.write('rss ' + error.code + '\\n');
        throw error;
      }
    };`;
  const defaults = {
    // One that comes too late on a busy machine does not count yet.
    health: { interval: '1s', timeout: '900ms', unhealthyAfter: 2 },
    circuitBreaker: { failures: 2 },
  };
  const fleet = await Fleet.startFor(t, { m: [{}] }, { defaults }, [], { preload });
  const { pid } = fleet.router;
  await eventually(() => checksOf(fleet) > 0);
  const client = await RawClient.open(fleet.url);
  assert.equal((await client.request({ path: '/health' })).status, 200);
  execFileSync('prlimit', ['--pid', String(pid), '--nofile=3:']);
  const failed = () => fleet.router.noise.filter((line) => line.startsWith('rss ')).length;
  await eventually(() => failed() >= 4 || fleet.router.child.exitCode !== null);
  assert.equal(fleet.router.child.exitCode, null);
  for (let count = 0; count < 5; count++) {
    const answer = await client.request(chatRequest('m'));
    assert.deepEqual([answer.status, errorOf(answer).code], [503, 'overloaded']);
  }
  execFileSync('prlimit', ['--pid', String(pid), '--nofile=1024:']);
  assert.equal((await client.request(chatRequest('m'))).status, 200);
  client.destroy();
  assert.equal(await fleet.count('vllm_router_backend_state', 'state="ready"'), 1);
  assert.equal(await fleet.count('vllm_router_upstream_failures_total', 'reason="no_socket"'), 5);
  assert.ok(!fleet.router.logs.some(({ msg }) => msg === 'backend is unhealthy'));
});

/** Some hundred tables are more than a pipe takes. */
const TABLES = {
  stats: { log: { every: '5ms' } },
  defaults: { health: { interval: '20ms', timeout: '1s' } },
};

test('a table on standard error that nobody can read ends nothing', async (t) => {
  const fleet = await Fleet.startFor(t, { m: [{}] }, TABLES);
  await eventually(() => fleet.router.noise.length > 0);
  fleet.router.child.stderr!.destroy();
  const before = checksOf(fleet);
  await eventually(() => checksOf(fleet) > before + 20 || fleet.router.child.exitCode !== null);
  assert.equal(fleet.router.child.exitCode, null);
  assert.equal((await fleet.chat('m')).status, 200);
});

/** The write that waits holds a thread, for which `process.exit` would wait. */
test('a table on standard error that nobody reads holds up neither requests nor the end', async (t) => {
  const fleet = await Fleet.startFor(t, { m: [{}] }, TABLES);
  const { child } = fleet.router;
  // `readline` would resume it.
  child.stderr!.removeAllListeners('data').pause();
  const before = checksOf(fleet);
  await eventually(() => checksOf(fleet) > before + 100, 60_000);
  assert.equal((await fleet.chat('m')).status, 200);
  const exited = once(child, 'exit');
  fleet.router.signal('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});
