import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { spawnRouter } from '../fakes/spawn-router.ts';
import { Fleet } from './fleet.ts';

const BIN = fileURLToPath(new URL('../../bin/vllm-router.js', import.meta.url));

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'process-signals-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A file whose read never ends, as on a file server that has gone away. Resolves once somebody reads it. */
async function readFor(t: TestContext, path: string): Promise<void> {
  const writer = await open(path, 'w');
  t.after(() => writer.close());
}

function flagsFor(fleet: Fleet): string[] {
  const flags = ['--host', '127.0.0.1', '--port', '0', '--service-discovery', 'static'];
  flags.push('--static-backends', fleet.of('m')[0]!.url, '--static-models', 'm', '--routing-logic', 'roundrobin');
  return flags;
}

test('SIGTERM while it starts ends it at once, with code 0, even if what it waits for never comes', async (t) => {
  const config = join(folderFor(t), 'router.yaml');
  execFileSync('mkfifo', [config]);
  const child = spawn(process.execPath, [BIN, '--config', config], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  await readFor(t, config);
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});

test('SIGTERM is obeyed while a file that is watched cannot be read', async (t) => {
  const folder = folderFor(t);
  const keys = join(folder, 'keys');
  writeFileSync(keys, 'alice: sk-alice\n');
  const fleet = await Fleet.start(
    { m: [{}] },
    {
      listeners: { public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics'], auth: 'team' } },
      auth: { team: { type: 'api-key', keys: { file: keys } } },
      reload: { poll: '100ms' },
    },
  );
  t.after(async () => {
    await fleet.router.stop('SIGKILL');
    await fleet.of('m')[0]!.kill();
  });
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  renameSync(pipe, keys);
  await readFor(t, keys);
  const closed = once(fleet.router.child, 'close');
  fleet.router.signal('SIGTERM');
  assert.deepEqual(await closed, [0, null]);
  assert.ok(fleet.router.logs.some(({ msg }) => msg === 'draining'));
  assert.ok(fleet.router.logs.some(({ msg }) => msg === 'stopped'));
});

test('a port that is taken and a secret that is not there end the start with one line that says so, without a stack', async (t) => {
  const fleet = await Fleet.start({ m: [{}] });
  t.after(() => fleet.stop());
  const taken = new URL(fleet.url).host;
  const start = async (flags: readonly string[]) => {
    const child = spawn(process.execPath, [BIN, ...flagsFor(fleet), ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    assert.equal(code, 1);
    return said.split('\n').filter((line) => line !== '' && !/ INFO {2}/.test(line));
  };
  const [port, ...more] = await start(['--set', `listeners.public.bind=${taken}`]);
  assert.equal(
    port?.split(' FATAL ')[1],
    `cannot start: listener "public" cannot bind ${taken}: another process listens there (EADDRINUSE)`,
  );
  assert.deepEqual(more, []);
  const secret = await start(['--set', 'auth.team={type: api-key, keys: {env: NOT_SET}}']);
  assert.deepEqual(
    secret.map((line) => line.split(' FATAL ')[1]),
    ['cannot start: auth.team.keys: environment variable NOT_SET: it is not set'],
  );
});

test('SIGHUP does not end a router that flags alone have made: it reads secrets again, and says so', async (t) => {
  const fleet = await Fleet.start({ m: [{}] });
  t.after(() => fleet.stop());
  const router = await spawnRouter({ config: '', bare: true, flags: flagsFor(fleet) });
  t.after(() => router.stop('SIGKILL'));
  router.signal('SIGHUP');
  await router.logged(({ msg }) => /SIGHUP: .* no file to read again/.test(msg ?? ''));
  await router.logged(({ msg, generation }) => msg === 'config applied' && generation === 2);
  assert.equal(router.child.exitCode, null);
});

test('SIGUSR1 does not open an inspector; --inspect does', async (t) => {
  const fleet = await Fleet.start({ m: [{}] });
  t.after(() => fleet.stop());
  const { router } = fleet;
  router.signal('SIGUSR1');
  router.signal('SIGHUP');
  await router.logged(({ msg }) => msg === 'config applied', router.logs.length);
  assert.equal((await fleet.chat('m')).status, 200);
  assert.deepEqual(router.noise, []);
  const inspected = await spawnRouter({
    config: '',
    env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' },
    bare: true,
    flags: flagsFor(fleet),
  });
  t.after(() => inspected.stop('SIGKILL'));
  assert.match(inspected.noise.join('\n'), /Debugger listening/);
});
