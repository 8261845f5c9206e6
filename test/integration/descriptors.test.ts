import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { RawClient } from '../fakes/raw-client.ts';
import { eventually, Fleet } from './fleet.ts';

function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('fault 60: without descriptors the router lives on, and accepts again once there are some', {
  skip: hasPrlimit() ? false : 'no prlimit here',
}, async (t) => {
  const fleet = await Fleet.start({ m: [{}] });
  t.after(() => fleet.stop());
  assert.equal((await fleet.chat('m')).status, 200);
  const open = readdirSync(`/proc/${fleet.router.pid}/fd`).length;
  // Taken away behind its back: its own cap, set at its start, does not help here.
  execFileSync('prlimit', ['--pid', String(fleet.router.pid), `--nofile=${open + 10}:${open + 10}`]);
  const clients = await Promise.all(Array.from({ length: 40 }, () => RawClient.open(fleet.url).catch(() => undefined)));
  // A connection that was there before has no descriptor for its backend, or one: either way it gets an answer.
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const client of clients) client?.destroy();
  await eventually(async () => {
    try {
      return (await fleet.chat('m')).status === 200;
    } catch {
      return false;
    }
  });
  assert.equal(fleet.router.child.exitCode, null);
});
