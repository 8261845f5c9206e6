import { promises as fs } from 'node:fs';
import { join } from 'node:path';

/** What kubelet does to a mounted ConfigMap: new directory, `..data` renamed over, old directory removed. */
export async function kubelet(dir: string, version: number, text: string, removeOld = true): Promise<void> {
  const old = await fs.readlink(join(dir, '..data')).catch(() => undefined);
  const next = `..2026_01_01_00_00_0${version}.${version}`;
  await fs.mkdir(join(dir, next));
  await fs.writeFile(join(dir, next, 'router.yaml'), text);
  await fs.symlink(next, join(dir, '..data_tmp'));
  await fs.rename(join(dir, '..data_tmp'), join(dir, '..data'));
  if (!old) await fs.symlink('..data/router.yaml', join(dir, 'router.yaml'));
  else if (removeOld) await fs.rm(join(dir, old), { recursive: true });
}
