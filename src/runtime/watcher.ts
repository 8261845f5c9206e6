import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FSWatcher, watch as watchDirectory } from 'chokidar';
import type { ConfigFile } from '../config/parse.ts';
import { type ConfigRead, fingerprint, isConfigName, readConfig } from './config-files.ts';
import { isMountPoint } from './mount-point.ts';

const RETRY_FIRST = 1000;
const RETRY_MAX = 60_000;
/** ms for which nobody is told that the config cannot be read: an editor or a script that deletes and writes anew takes some. */
const PATIENCE = 2_000;

export interface WatcherOptions {
  /** File or directory. */
  readonly path: string;
  /** Secrets and certificates that the config now running names; asked anew after each change. */
  readonly extraFiles: () => readonly string[];
  /** ms from a sign of change to the read, and between the two reads that must be identical. Read at each use. */
  readonly debounce: number;
  /** ms between two looks at the contents; 0 = none. */
  readonly poll: number;
  /** False: nothing but `check` looks at the files. */
  readonly watch: boolean;
  readonly warn: (message: string) => void;
  /** The config cannot be read and has not become readable in time; told once, and at each `check({force: true})`. */
  readonly unreadable?: (reason: string) => void;
  /** ms that a config may be unreadable before that is said. */
  readonly patience?: number;
}

/** What made the watcher call. */
export interface Change {
  /** False, and all else too, where a config that could not be read is what it was before. */
  readonly config: boolean;
  readonly extraFiles: readonly string[];
  /** By `check({force: true})`, or once more after a failure. */
  readonly forced: boolean;
}

/**
 * Applies what was read. A config that is refused for what it says must resolve: reading it again would change nothing. One
 * that could not be applied for another reason (an address in use) must reject: it is tried again with back-off.
 */
export type OnChange = (files: readonly ConfigFile[], hash: string, change: Change) => Promise<void>;

export type CheckResult = 'unchanged' | 'handled' | 'failed' | 'unreadable';

export interface Watcher {
  /** `hash` is that of the read which the running config was built from. Resolves once changes are seen. */
  start(hash: string): Promise<void>;
  /** Looks now; resolves when what it found has been handled. */
  check(options?: { force?: boolean }): Promise<CheckResult>;
  /** Waits for a change that is being handled, so not to be awaited by `onChange`. */
  stop(): Promise<void>;
  /** Of the config that was handled last. */
  readonly hash: string;
}

interface Reading {
  readonly config: ConfigRead;
  readonly extras: ReadonlyMap<string, string>;
}

/**
 * Follows one config path. Events only say when to look, their names are ignored; only contents decide, read twice alike.
 * The poll sees what no event tells: a swapped parent link, a network file system, a secret elsewhere. Nothing ends it
 * but `stop`.
 */
export function createWatcher(options: WatcherOptions, onChange: OnChange): Watcher {
  const { path, warn } = options;
  const stopped = new AbortController();
  let handled = { hash: '', extras: new Map<string, string>() as ReadonlyMap<string, string> };
  let events: FSWatcher | undefined;
  let eventTimer: NodeJS.Timeout | undefined;
  let pollTimer: NodeJS.Timeout | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let failures = 0;
  let lastWarning = '';
  /** It has been said that the config cannot be read: what can be read next is handed over even if it is what it was. */
  let unread = false;
  let queue: Promise<unknown> = Promise.resolve();

  async function read(): Promise<Reading> {
    const extras = new Map<string, string>();
    for (const file of options.extraFiles()) extras.set(file, await fingerprint(file));
    return { config: await readConfig(path), extras };
  }

  function compare(reading: Reading, forced: boolean): Change {
    const extraFiles = [...reading.extras]
      .filter(([file, now]) => handled.extras.get(file) !== now)
      .map(([file]) => file);
    return { config: reading.config.hash !== handled.hash, extraFiles, forced };
  }

  /** Two identical reads in a row: 5 of 112 prefixes of a half-written file were valid configs of their own. */
  async function settle(first: Reading): Promise<Reading> {
    for (let before = first; ; ) {
      await sleep(options.debounce, undefined, { signal: stopped.signal });
      const now = await read();
      if (signature(now) === signature(before)) return now;
      before = now;
    }
  }

  /** The config as it stands when it has come to rest; undefined where it is the one that was handled. */
  async function readChange(force: boolean): Promise<Reading | undefined> {
    const reading = await read();
    if (!force && !unread && !isChange(compare(reading, false))) return undefined;
    return settle(reading);
  }

  /** Who asked waits for one more read only. */
  async function readPatiently(force: boolean): Promise<Reading | undefined> {
    const until = performance.now() + (force || unread ? 0 : (options.patience ?? PATIENCE));
    for (let again = unread; ; again = true) {
      try {
        return await readChange(force);
      } catch (error) {
        if (stopped.signal.aborted || (again && performance.now() >= until)) throw error;
        await sleep(options.debounce, undefined, { signal: stopped.signal });
      }
    }
  }

  /** `asked`: somebody did, and is to be told even what has been said before. */
  async function look(force: boolean, asked: boolean): Promise<CheckResult> {
    if (stopped.signal.aborted) return 'unchanged';
    let reading: Reading | undefined;
    try {
      reading = await readPatiently(force);
    } catch (error) {
      if (stopped.signal.aborted) return 'unchanged';
      const { message } = error as Error;
      if (asked) lastWarning = '';
      if (warnOnce(`config not readable, the running one stays: ${message}`)) options.unreadable?.(message);
      unread = true;
      if (failures > 0) retry();
      return 'unreadable';
    }
    lastWarning = '';
    const change = reading && compare(reading, force);
    if (reading === undefined || change === undefined || !(unread || isChange(change))) return 'unchanged';
    unread = false;
    return apply(reading, change);
  }

  async function apply({ config, extras }: Reading, change: Change): Promise<CheckResult> {
    clearTimeout(retryTimer);
    if (change.config || change.extraFiles.length > 0) failures = 0;
    let result: CheckResult = 'handled';
    try {
      await onChange(config.files, config.hash, change);
      failures = 0;
    } catch (error) {
      result = 'failed';
      failures++;
      warn(`config not applied, next attempt in ${retry() / 1000} s: ${(error as Error).message}`);
    }
    // What was read before is kept, so that a file which changed during the apply is a change again.
    const next = new Map<string, string>();
    for (const file of options.extraFiles()) next.set(file, extras.get(file) ?? (await fingerprint(file)));
    handled = { hash: config.hash, extras: next };
    return result;
  }

  /** Returns the ms until then. */
  function retry(): number {
    const delay = Math.min(RETRY_MAX, RETRY_FIRST * 2 ** (failures - 1));
    clearTimeout(retryTimer);
    if (!stopped.signal.aborted) retryTimer = setTimeout(() => void enqueue(true, false), delay);
    return delay;
  }

  /** One at a time. */
  function enqueue(force: boolean, asked: boolean): Promise<CheckResult> {
    const result = queue.then(() => look(force, asked));
    queue = result;
    return result;
  }

  function check({ force = false } = {}): Promise<CheckResult> {
    return enqueue(force, force);
  }

  /** False when it has been said. */
  function warnOnce(message: string): boolean {
    const news = message !== lastWarning;
    if (news) warn(message);
    lastWarning = message;
    return news;
  }

  /** Not pushed back by further events: a directory that never rests must not keep us from looking. */
  function onEvent(): void {
    eventTimer ??= setTimeout(() => {
      eventTimer = undefined;
      void check();
    }, options.debounce);
  }

  function schedulePoll(): void {
    if (options.poll === 0 || stopped.signal.aborted) return;
    pollTimer = setTimeout(() => void check().then(schedulePoll), options.poll);
  }

  async function listen(): Promise<void> {
    const info = await stat(path).catch(() => undefined);
    if (info && !info.isFile() && !info.isDirectory()) {
      warn(`${path} is neither a file nor a directory: it was read once and is not watched`);
      return;
    }
    if (info?.isFile() && (await isMountPoint(path))) {
      warn(`${path} is itself a mount point (subPath?) and will never change: mount its directory instead`);
    }
    const full = resolve(path);
    const directory = info?.isDirectory() ? full : dirname(full);
    const wanted = info?.isDirectory() ? isConfigName : (name: string) => name === basename(full);
    events = watchDirectory(directory, {
      depth: 0,
      ignoreInitial: true,
      atomic: false,
      // Kubelet's `..data` is the link that it swaps; anything else in the directory is none of our business.
      ignored: (file) => file !== directory && !wanted(basename(file)) && !basename(file).startsWith('..'),
    });
    events.on('all', onEvent);
    events.on('error', (error) => warnOnce(`watching ${directory}: ${(error as Error).message}`));
    await new Promise<void>((done) => events?.once('ready', done));
    schedulePoll();
  }

  return {
    get hash() {
      return handled.hash;
    },
    check,
    async start(hash) {
      const extras = new Map<string, string>();
      for (const file of options.extraFiles()) extras.set(file, await fingerprint(file));
      handled = { hash, extras };
      if (!options.watch) return;
      await listen();
      // The file may have changed between the first read and the first event that we could see.
      if (events) void check();
    },
    async stop() {
      stopped.abort();
      for (const timer of [eventTimer, pollTimer, retryTimer]) clearTimeout(timer);
      await Promise.all([events?.close(), queue]);
    },
  };
}

function isChange(change: Change): boolean {
  return change.config || change.forced || change.extraFiles.length > 0;
}

function signature({ config, extras }: Reading): string {
  return JSON.stringify([config.hash, ...extras]);
}
