import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../../src/runtime/config-files.ts';
import { isMountPoint } from '../../src/runtime/mount-point.ts';

const dir = mkdtempSync(join(tmpdir(), 'config-files-'));
test.after(() => rmSync(dir, { recursive: true }));
const sh = (command: string) => execFileSync('sh', ['-c', command], { cwd: dir, encoding: 'utf8' }).slice(0, 64);

test('the hash is one that people can compute', async () => {
  writeFileSync(join(dir, 'b.yaml'), '\ufeffb: ü\n');
  writeFileSync(join(dir, 'a.yml'), 'a: 1\n');
  writeFileSync(join(dir, 'notes.txt'), 'no\n');
  const one = await readConfig(join(dir, 'b.yaml'));
  assert.equal(one.hash, sh('sha256sum b.yaml'));
  assert.deepEqual(one.files, [{ name: join(dir, 'b.yaml'), text: 'b: ü\n' }]);
  const all = await readConfig(dir);
  assert.equal(all.hash, sh('sha256sum a.yml b.yaml | sha256sum'));
  assert.deepEqual(
    all.files.map((file) => file.name),
    [join(dir, 'a.yml'), join(dir, 'b.yaml')],
  );
});

test('a file that is itself a mount point is known', async () => {
  const file = join(dir, 'sub path.yaml');
  writeFileSync(file, '');
  const table = join(dir, 'mountinfo');
  const line = (where: string) => `36 35 98:0 /volume ${where.replaceAll(' ', '\\040')} rw - ext4 /dev/sda rw\n`;
  writeFileSync(table, line('/') + line(file));
  assert.equal(await isMountPoint(file, table), true);
  writeFileSync(table, line('/') + line(dir));
  assert.equal(await isMountPoint(file, table), false);
  assert.equal(await isMountPoint(file, join(dir, 'none')), false);
  assert.equal(await isMountPoint(file), false);
});
