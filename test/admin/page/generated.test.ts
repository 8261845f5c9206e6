import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('status-page.ts is what scripts/build-page.ts makes of src/admin/page/', () => {
  const script = fileURLToPath(new URL('../../../scripts/build-page.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, ['--no-warnings', script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});
