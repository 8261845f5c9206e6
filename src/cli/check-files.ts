import { readFile } from 'node:fs/promises';
import { type Diagnostic, diagnose } from '../config/diagnostic.ts';
import type { Loaded } from '../config/load.ts';
import { type ExternalReference, findSecrets } from '../config/secrets.ts';
import { isHeaderValue, isKey, KeySet } from '../runtime/key-set.ts';
import type { Io } from './io.ts';

/** Whether what the config refers to outside of itself is there: secrets in variables and files, certificates. */
export async function checkFiles({ tree }: Loaded, io: Io): Promise<Diagnostic[]> {
  const found: Diagnostic[] = [];
  for (const reference of findSecrets(tree)) {
    const problem = await problemOf(reference, io);
    if (problem === undefined) continue;
    const code = reference.kind === 'tls' ? 'file-unavailable' : 'secret-unreadable';
    found.push(diagnose(code, reference.origin, reference.path, problem));
  }
  return found;
}

/** The text of a secret is looked at and never shown. */
async function problemOf({ kind, name, path }: ExternalReference, io: Io): Promise<string | undefined> {
  let text: string | undefined;
  try {
    text = kind === 'env' ? io.env[name] : await readFile(name, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? `there is no file ${name}` : `cannot read ${name}: ${code ?? message}`;
  }
  const what = kind === 'env' ? `variable ${name}` : name;
  if (text === undefined) return `${what} is not set`;
  if (text.trim() === '') return `${what} is empty`;
  if (kind === 'tls') return undefined;
  if (path.at(-2) === 'keys') return keysProblem(text, what);
  if (path[0] === 'tracing') {
    return isHeaderValue(text.trim())
      ? undefined
      : `${what} holds no value for a header: printable characters on one line`;
  }
  return isKey(text.trim()) ? undefined : `${what} holds no key: printable characters without spaces`;
}

function keysProblem(text: string, what: string): string | undefined {
  try {
    new KeySet(text);
    return undefined;
  } catch (error) {
    return `${what}: ${(error as Error).message}`;
  }
}
