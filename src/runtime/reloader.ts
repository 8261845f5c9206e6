import type { ReloadState } from '../admin/control.ts';
import { conceal } from '../config/conceal.ts';
import type { Config } from '../config/config.ts';
import { type Diagnostic, hasErrors } from '../config/diagnostic.ts';
import { diffDocuments } from '../config/diff.ts';
import { formatChange } from '../config/diff-text.ts';
import { type ConfigFile, type Loaded, loadConfig } from '../config/load.ts';
import type { Overlay } from '../config/overlay.ts';
import { toPlain } from '../config/tree.ts';
import type { Log } from '../log.ts';
import type { Router } from './router.ts';

export interface ReloaderDeps {
  readonly router: Router;
  readonly overlay: Overlay;
  readonly log: Log;
  /** Reads every secret the config names; returns what could not be read. */
  readonly readSecrets: (config: Config) => readonly string[];
}

/** Changes that the line of a reload names; `diff` and /admin/config have them all. */
const TOLD = 12;

/** Turns changed files into the running config, or leaves that as it is and says why. */
export class Reloader {
  readonly #deps: ReloaderDeps;
  /** Of the config in force. */
  loaded: Loaded | undefined;
  last: ReloadState | undefined;

  constructor(deps: ReloaderDeps) {
    this.#deps = deps;
  }

  /**
   * `forced`: build again though nothing changed. Rejects only when another try could work: an address in use, a secret that is not
   * there yet.
   */
  async reload(files: readonly ConfigFile[], hash: string, forced: boolean): Promise<ReloadState> {
    const { router, overlay, log } = this.#deps;
    if (!forced && router.snapshot?.hash === hash) return this.#note({ hash, result: 'unchanged', diagnostics: [] });
    const loaded = loadConfig({ files, overlay, env: process.env });
    const { config, diagnostics } = loaded;
    if (config === undefined || hasErrors(diagnostics)) {
      for (const diagnostic of diagnostics) logDiagnostic(log, diagnostic);
      this.#logRejected(hash, diagnostics);
      return this.#note({ hash, result: 'rejected', diagnostics });
    }
    const before = this.loaded;
    try {
      const unreadable = this.#deps.readSecrets(config);
      if (unreadable.length > 0) throw new Error(unreadable.join('; '));
      await router.apply(config, hash);
    } catch (error) {
      this.#note({ hash, result: 'rejected', diagnostics, failure: (error as Error).message });
      throw error;
    }
    this.loaded = loaded;
    for (const diagnostic of diagnostics) logDiagnostic(log, diagnostic);
    const changed = before === undefined ? undefined : changesBetween(before, loaded);
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
  const fields = { file, line, col, path, code, ...(hint && { hint }) };
  if (severity === 'error') log.error(fields, message);
  else log.warn(fields, message);
}

/** What changes for requests, as `vllm-router diff` tells it; credentials stay hidden. */
function changesBetween(before: Loaded, after: Loaded): readonly string[] | string {
  const [from, to] = [before, after].map(({ tree }) => toPlain(conceal(tree)));
  const changes = diffDocuments(from!, to!);
  if (changes.length === 0) return 'nothing';
  const told = changes.slice(0, TOLD).map(formatChange);
  return changes.length > TOLD ? [...told, `and ${changes.length - TOLD} more`] : told;
}
