import { readFile } from 'node:fs/promises';
import { type Diagnostic, diagnose } from '../config/diagnostic.ts';
import type { Loaded } from '../config/load.ts';
import { findSecrets } from '../config/secrets.ts';
import type { Io } from './io.ts';

/** Whether what the config refers to outside of itself is there: secrets in variables and files, certificates. */
export async function checkFiles({ tree }: Loaded, io: Io): Promise<Diagnostic[]> {
  const found: Diagnostic[] = [];
  for (const { path, kind, name, origin } of findSecrets(tree)) {
    if (kind === 'env') {
      if (!io.env[name]) found.push(diagnose('secret-unreadable', origin, path, `variable ${name} is not set`));
      continue;
    }
    const code = kind === 'file' ? 'secret-unreadable' : 'file-unavailable';
    try {
      const text = await readFile(name, 'utf8');
      if (text.trim() === '') found.push(diagnose(code, origin, path, `${name} is empty`));
    } catch (error) {
      found.push(diagnose(code, origin, path, `cannot read ${name}: ${(error as NodeJS.ErrnoException).code}`));
    }
  }
  return found;
}
