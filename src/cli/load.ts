import type { Diagnostic } from '../config/diagnostic.ts';
import { diagnose } from '../config/diagnostic.ts';
import { type Loaded, loadConfig } from '../config/load.ts';
import type { Overlay } from '../config/overlay.ts';
import type { ConfigFile } from '../config/parse.ts';
import { readConfig } from '../runtime/config-files.ts';
import type { Io } from './io.ts';

export interface LoadedFrom {
  readonly files: readonly ConfigFile[];
  readonly diagnostics: readonly Diagnostic[];
  /** Absent when the file could not even be read. */
  readonly loaded?: Loaded;
}

/** Reads and checks one configuration: a file, a directory, `-` for standard input, or nothing but the flags. */
export async function loadFrom(path: string | undefined, overlay: Overlay, io: Io): Promise<LoadedFrom> {
  let files: readonly ConfigFile[];
  try {
    files =
      path === undefined
        ? []
        : path === '-'
          ? [{ name: 'stdin', text: await io.stdin() }]
          : (await readConfig(path)).files;
  } catch (error) {
    return { files: [], diagnostics: [unreadable(path!, error)] };
  }
  const loaded = loadConfig({ files, overlay, env: io.env });
  return { files, diagnostics: loaded.diagnostics, loaded };
}

function unreadable(path: string, error: unknown): Diagnostic {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'no permission to read it' : message;
  return diagnose('file-unreadable', { from: 'flag', flag: path }, [], reason);
}
