import { type Diagnostic, diagnose } from '../config/diagnostic.ts';
import { type Loaded, loadConfig } from '../config/load.ts';
import type { Overlay } from '../config/overlay.ts';
import type { ConfigFile } from '../config/parse.ts';
import { NotText, readConfig } from '../runtime/config-files.ts';
import type { Io } from './io.ts';

export interface LoadedFrom {
  readonly files: readonly ConfigFile[];
  readonly diagnostics: readonly Diagnostic[];
  /** Absent when the file could not even be read. */
  readonly loaded?: Loaded;
}

/** Reads and checks one configuration: a file, a directory, `-` for standard input, or nothing but the flags. */
export async function loadFrom(path: string | undefined, overlay: Overlay, io: Io): Promise<LoadedFrom> {
  const files = await readFiles(path, io);
  if ('code' in files) return { files: [], diagnostics: [files] };
  const loaded = loadConfig({ files, overlay, env: io.env });
  return { files, diagnostics: loaded.diagnostics, loaded };
}

/** The texts of a configuration, or why they cannot be read. */
export async function readFiles(path: string | undefined, io: Io): Promise<readonly ConfigFile[] | Diagnostic> {
  if (path === undefined) return [];
  if (path === '-') return [{ name: 'stdin', text: await io.stdin() }];
  try {
    return (await readConfig(path)).files;
  } catch (error) {
    if (error instanceof NotText)
      return diagnose('file-unreadable', { from: 'flag', flag: error.file }, [], error.reason);
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'no permission to read it' : message;
    const hint = code === 'ENOENT' ? 'vllm-router init URL… writes a first one' : undefined;
    return diagnose('file-unreadable', { from: 'flag', flag: path }, [], reason, { hint });
  }
}
