import type { ReloadState } from '../admin/control.ts';
import type { Config } from '../config/config.ts';
import { type Diagnostic, hasErrors } from '../config/diagnostic.ts';
import { type ConfigFile, type Loaded, loadConfig } from '../config/load.ts';
import type { Overlay } from '../config/overlay.ts';
import type { Plain } from '../config/tree.ts';
import type { Log } from '../log.ts';
import { rest } from './beside-requests.ts';
import { changedSections, documentChanges, withFiles } from './changes.ts';
import type { ConfigLoader, LoadedConfig } from './config-loader.ts';
import { warnOfDropped } from './dropped-backends.ts';
import { Obstacle } from './obstacle.ts';
import type { Router } from './router.ts';

export interface ReloaderDeps {
  readonly router: Router;
  readonly overlay: Overlay;
  readonly log: Log;
  readonly loader: Pick<ConfigLoader, 'load'>;
  /** Reads every secret the config names; returns what could not be read. */
  readonly readSecrets: (config: Config) => readonly string[];
}

/** Turns changed files into the running config, or leaves that as it is and says why. */
export class Reloader {
  readonly #deps: ReloaderDeps;
  /** What the config in force was made from. */
  #files: readonly ConfigFile[] = [];
  #loaded: Loaded | undefined;
  /** The same as a plain document, where it is small. */
  #shown: Plain | undefined;
  last: ReloadState | undefined;

  constructor(deps: ReloaderDeps) {
    this.#deps = deps;
  }

  /** The document of the config in force. Made when somebody asks: kept from each reload, it would be the most that a reload leaves. */
  get loaded(): Loaded {
    this.#loaded ??= loadConfig({ files: this.#files, overlay: this.#deps.overlay, env: process.env });
    return this.#loaded;
  }

  /**
   * `forced`: build again though nothing changed. `ready`: what the files have been made into already. `beside`: secrets and certificates
   * that have changed. Rejects only when another try could work: an address in use, a secret that is not there yet.
   */
  async reload(
    files: readonly ConfigFile[],
    hash: string,
    forced: boolean,
    ready?: LoadedConfig,
    beside: readonly string[] = [],
  ): Promise<ReloadState> {
    const { router, overlay, log, loader } = this.#deps;
    if (!forced && router.snapshot?.hash === hash) {
      if (this.last?.result === 'rejected') log.info({ hash }, 'the config in force is what the files say again');
      return this.#note({ hash, result: 'unchanged', diagnostics: [] });
    }
    const { config, diagnostics, shown } = ready ?? (await loader.load({ files, overlay }));
    if (config === undefined || hasErrors(diagnostics)) {
      for (const diagnostic of diagnostics) logDiagnostic(log, diagnostic);
      this.#logRejected(hash, diagnostics);
      return this.#note({ hash, result: 'rejected', diagnostics });
    }
    const before = router.snapshot;
    if (before !== undefined) await rest();
    try {
      const unreadable = this.#deps.readSecrets(config);
      if (unreadable.length > 0) throw new Obstacle(unreadable.join('; '));
      await router.apply(config, hash);
    } catch (error) {
      this.#note({ hash, result: 'rejected', diagnostics, failure: (error as Error).message });
      throw error;
    }
    this.#files = files;
    this.#loaded = undefined;
    if (before !== undefined) await rest();
    for (const diagnostic of diagnostics) logDiagnostic(log, diagnostic);
    if (before !== undefined) warnOfDropped(before.config, config, log);
    const changed = before === undefined ? undefined : withFiles(this.#changes(before.config, config, shown), beside);
    this.#shown = shown;
    log.info(
      { hash, generation: router.snapshot!.generation, ...(changed !== undefined && { changed }) },
      'config applied',
    );
    return this.#note({ hash, result: 'applied', diagnostics });
  }

  /** The files cannot be read; the running config stays. */
  unreadable(reason: string): ReloadState {
    return this.#note({ hash: '', result: 'rejected', diagnostics: [], failure: reason });
  }

  /** The findings alone do not say that the router goes on as before. */
  #logRejected(rejected: string, diagnostics: readonly Diagnostic[]): void {
    const { router, log } = this.#deps;
    if (router.snapshot === undefined) return;
    const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
    const { hash, generation } = router.snapshot;
    log.error({ errors, rejected, hash, generation }, 'config rejected; the one in force stays');
  }

  #changes(before: Config, after: Config, shown: Plain | undefined): readonly string[] | string {
    if (this.#shown === undefined || shown === undefined) return changedSections(before, after);
    return documentChanges(this.#shown, shown);
  }

  #note(state: Omit<ReloadState, 'at'>): ReloadState {
    this.last = { ...state, at: Date.now() };
    const { router } = this.#deps;
    router.stats.reloaded(state.result, {
      hash: router.snapshot?.hash ?? '',
      version: String(router.snapshot?.config.version ?? 1),
    });
    return this.last;
  }
}

function logDiagnostic(log: Log, { file, line, col, severity, path, code, message, hint }: Diagnostic): void {
  // What flags say stands in no line.
  const fields = { file, ...(line > 0 && { line, col }), path, code, ...(hint && { hint }) };
  if (severity === 'error') log.error(fields, message);
  else log.warn(fields, message);
}
