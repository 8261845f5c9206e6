import type { ConfigControl, ReloadState } from '../admin/control.ts';
import type { Reloader } from './reloader.ts';
import type { Watcher } from './watcher.ts';

export interface ConfigControlDeps {
  /** Undefined when flags alone make the config. */
  readonly path: string | undefined;
  readonly reloader: () => Reloader;
  /** Resolves once the path is followed; undefined without a path. */
  readonly watcher: Promise<Watcher> | undefined;
}

/** Lets people look at the config loop and push it: by the same way as a changed file, so that it is read twice alike here too. */
export function createConfigControl({ path, reloader, watcher }: ConfigControlDeps): ConfigControl {
  let queue: Promise<unknown> = Promise.resolve();

  async function reload(): Promise<ReloadState> {
    if (path === undefined || watcher === undefined) {
      await reloader()
        .reload([], '', true)
        .catch(() => {});
      return reloader().last!;
    }
    // What it cannot read, it tells the reloader.
    const result = await (await watcher).check({ force: true });
    // Forced, it finds something to apply as long as it looks at all.
    if (result === 'unchanged') {
      return { hash: '', result: 'rejected', at: Date.now(), diagnostics: [], failure: 'the router is shutting down' };
    }
    return reloader().last!;
  }

  return {
    source: path ?? 'flags',
    loaded: () => reloader().loaded,
    last: () => reloader().last,
    reload() {
      const result = queue.then(reload);
      queue = result.catch(() => {});
      return result;
    },
  };
}
