import type { Diagnostic } from '../config/diagnostic.ts';
import type { Loaded } from '../config/load.ts';

/** What came of the last files that were read, for people who ask. */
export interface ReloadState {
  /** Of the files as they were read; empty where they could not be. */
  readonly hash: string;
  readonly result: 'applied' | 'unchanged' | 'rejected';
  /** Unix ms. */
  readonly at: number;
  readonly diagnostics: readonly Diagnostic[];
  /** Why a valid config could not be put in force, or the files could not be read. */
  readonly failure?: string;
}

/** The config loop as the admin endpoints see it. */
export interface ConfigControl {
  /** Path of the file or directory; `flags` where there is none. */
  readonly source: string;
  /** The document of the config in force. */
  readonly loaded: () => Loaded | undefined;
  readonly last: () => ReloadState | undefined;
  /** Reads everything again and builds it anew though nothing changed. Never rejects. */
  readonly reload: () => Promise<ReloadState>;
}
