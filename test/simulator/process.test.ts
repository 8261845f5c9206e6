import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { USAGE } from '../../src/simulator/engine/flags.ts';
import { sseEvents } from '../fakes/framing.ts';
import { RawClient, rawRequest, requestBytes, untilRefused } from '../fakes/raw-client.ts';
import { type SpawnedEngine, spawnEngine } from '../fakes/spawn-engine.ts';
import { chatRequest } from './requests.ts';

describe('an engine as a process', () => {
  const spawned: SpawnedEngine[] = [];
  const start = async (...flags: string[]): Promise<SpawnedEngine> => {
    const engine = await spawnEngine(['--model', 'tiny-chat', ...flags]);
    spawned.push(engine);
    return engine;
  };
  const stream = async (engine: SpawnedEngine): Promise<RawClient> => {
    const client = await RawClient.open(engine.url);
    client.send(requestBytes(chatRequest('long', { max_tokens: 100_000 }), client.host));
    await client.until((received) => received.includes('data: '));
    return client;
  };
  afterEach(async () => {
    for (const engine of spawned.splice(0)) await engine.end('SIGKILL');
  });

  it('says what it takes, and what it does not understand', () => {
    const main = fileURLToPath(new URL('../../src/simulator/engine/main.ts', import.meta.url));
    const run = (...flags: string[]) => spawnSync(process.execPath, [main, ...flags], { encoding: 'utf8' });
    const help = run('--help');
    assert.deepEqual([help.status, help.stdout], [0, USAGE]);
    for (const flag of ['--nope', '--port=x', '--kind=y']) {
      const { status, stderr } = run(flag);
      assert.equal(status, 2);
      assert.ok(stderr.includes(flag.split('=')[0]!) && stderr.endsWith(USAGE), stderr);
      assert.doesNotMatch(stderr, /^ +at /m);
    }
  });

  it('takes faults over HTTP and stdin, and tells its state', async () => {
    const engine = await start('--decode-rate', '5000');
    await engine.setFaults({ kind: 'status', status: 503, count: 1 });
    assert.equal((await rawRequest(engine.url, chatRequest('a'))).status, 503);
    assert.equal((await rawRequest(engine.url, chatRequest('a'))).status, 200);
    const state = await engine.state();
    assert.deepEqual([state.received, state.completed, state.running, state.faultHits], [2, 2, 0, 1]);
    const client = await stream(engine);
    engine.command({ kind: 'pause' });
    for (;;) {
      const { body } = await rawRequest(engine.url, { path: '/is_paused' });
      if (body.includes('true')) break;
    }
    client.destroy();
  });

  it('SIGKILL cuts a stream without a last chunk', async () => {
    const engine = await start();
    const client = await stream(engine);
    await engine.end('SIGKILL');
    await client.closed();
    assert.equal((await client.response()).clean, false);
  });

  it('SIGTERM refuses connections, lets live requests hang, and ends when they have left', async () => {
    const engine = await start();
    const client = await stream(engine);
    const idle = await RawClient.open(engine.url);
    await idle.request({ path: '/health' });
    const ended = engine.end('SIGTERM');
    assert.equal(await idle.closed(), 'fin');
    await untilRefused(engine.url);
    assert.equal(client.end, 'open');
    client.destroy();
    await ended;
  });

  it('SIGTERM with a shutdown time-out lets requests finish', async () => {
    const engine = await start('--shutdown-timeout', '20', '--decode-rate', '400');
    const client = await RawClient.open(engine.url);
    const answer = client.request(chatRequest('hello', { max_tokens: 100 }));
    await client.until((received) => received.includes('data: '));
    const ended = engine.end('SIGTERM');
    const events = sseEvents((await answer).body);
    assert.equal(events.at(-1)!.data, '[DONE]');
    client.destroy();
    await ended;
  });

  it('SIGSTOP answers nothing, SIGCONT everything', async () => {
    const engine = await start();
    engine.signal('SIGSTOP');
    // The kernel still accepts for it.
    const client = await RawClient.open(engine.url);
    const answer = client.request({ path: '/health' });
    assert.equal(client.received.length, 0);
    engine.signal('SIGCONT');
    assert.equal((await answer).status, 200);
    client.destroy();
  });
});
