import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ConfigFile } from '../config/parse.ts';

/** Far above the 1 MiB that the parser accepts: this only keeps a wrong path from filling the memory. Bytes. */
const MAX_SIZE = 16 * 1024 * 1024;

export interface ConfigRead {
  /** Named as diagnostics show them: the path as it was given, joined with the entry's name where that is a directory. */
  readonly files: readonly ConfigFile[];
  /** Hex SHA-256: of a file what `sha256sum FILE` prints, of a directory that of its `sha256sum *` lines. */
  readonly hash: string;
}

/** A config file whose bytes are no UTF-8. */
export class NotText extends Error {
  readonly file: string;
  /** Without the file's name. */
  readonly reason: string;

  constructor(file: string, bytes: Buffer) {
    const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    // What decodes to the replacement character was not there before.
    const line = bytes.toString('utf8').split('\ufffd')[0]!.split('\n').length;
    const reason = wide ? 'this is UTF-16: save it as UTF-8' : `line ${line} is not UTF-8: save the file as UTF-8`;
    super(`${file}: ${reason}`);
    this.file = file;
    this.reason = reason;
  }
}

/** `*.yaml` and `*.yml` of a config directory; dot files are kubelet's links and editors' drafts. */
export function isConfigName(name: string): boolean {
  return /^[^.].*\.ya?ml$/.test(name);
}

/** Reads a config file, or all of a directory in the order of their names. Rejects where one cannot be read or is no text. */
export async function readConfig(path: string): Promise<ConfigRead> {
  if (!(await stat(path)).isDirectory()) {
    const { text, hash } = await readText(path);
    return { files: [{ name: path, text }], hash };
  }
  const names = (await readdir(path)).filter(isConfigName).sort();
  if (names.length === 0) throw new Error(`${path}: no *.yaml or *.yml in this directory`);
  const files: ConfigFile[] = [];
  const sums = createHash('sha256');
  for (const name of names) {
    const file = join(path, name);
    const { text, hash } = await readText(file);
    files.push({ name: file, text });
    sums.update(`${hash}  ${basename(file)}\n`);
  }
  return { files, hash: sums.digest('hex') };
}

/** Hex SHA-256 of a file, or the reason why it cannot be read: that it became readable is a change, too. */
export async function fingerprint(path: string): Promise<string> {
  try {
    return sha256(await readFile(path));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

async function readText(file: string): Promise<{ text: string; hash: string }> {
  const { size } = await stat(file);
  if (size > MAX_SIZE) throw new Error(`${file}: ${size} bytes is no configuration`);
  const bytes = await readFile(file);
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), hash: sha256(bytes) };
  } catch {
    throw new NotText(file, bytes);
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
