import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/vllm-router.js', import.meta.url));
const FULL = '/dev/full';

test('a command whose output finds no room has failed, and says so', {
  skip: !existsSync(FULL) && `no ${FULL} here`,
}, (t) => {
  const full = openSync(FULL, 'w');
  t.after(() => closeSync(full));
  const { status, stderr } = spawnSync(process.execPath, [BIN, 'schema'], { stdio: ['ignore', full, 'pipe'] });
  assert.equal(status, 1);
  assert.match(String(stderr), /^standard output: ENOSPC: .*\n$/);
});

test('a command whose reader has gone has done its work', () => {
  const shell = `"${process.execPath}" "${BIN}" schema | true; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', shell]);
  assert.deepEqual([String(stdout), String(stderr)], ['0\n', '']);
});
