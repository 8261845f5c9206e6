import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { takeLock } from '../../bench/lock.ts';

test('a lock waits for its living holder and takes over from a dead one', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'bench-lock-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'lock');
  const holder = spawn('cat');
  writeFileSync(file, `${holder.pid}`);
  const waited: number[] = [];
  await takeLock(file, (pid) => {
    waited.push(pid);
    holder.kill('SIGKILL');
  });
  if (holder.exitCode === null && holder.signalCode === null) await once(holder, 'exit');
  assert.deepEqual(waited, [holder.pid]);
  assert.equal(readFileSync(file, 'utf8'), `${process.pid}`);
});
