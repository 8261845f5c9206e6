import { setTimeout as sleep } from 'node:timers/promises';
import type { ConfigControl } from '../admin/control.ts';
import type { Config } from '../config/config.ts';
import { formatDiagnostics } from '../config/format.ts';
import { createLogger, type Logger } from '../log.ts';
import { createAuthenticate } from '../runtime/authenticate.ts';
import { createConfigControl } from '../runtime/config-control.ts';
import { readConfig } from '../runtime/config-files.ts';
import { ConfigLoader, withDocument } from '../runtime/config-loader.ts';
import { connectionsFor, openFileLimit } from '../runtime/connection-cap.ts';
import { drain } from '../runtime/drain.ts';
import { Obstacle } from '../runtime/obstacle.ts';
import { Reloader } from '../runtime/reloader.ts';
import { Router } from '../runtime/router.ts';
import { Secrets } from '../runtime/secrets.ts';
import { createWatcher, type Watcher } from '../runtime/watcher.ts';
import { VERSION } from '../version.ts';
import type { Invocation } from './argv.ts';
import type { Io } from './io.ts';
import { loadFrom } from './load.ts';
import { Signals } from './signals.ts';

/** ms that a reload under way, or a file that is being read, may hold up the end; a file system that has gone away does so for ever. */
const PATIENCE = 1_000;
/** Open files with which a router has fewer than some 2,000 clients at a time. */
const FEW_DESCRIPTORS = 4_096;

/** Runs the router until a signal ends it. Resolves with the exit code: 0 after a drain or a signal during the start, 1 when it cannot start. */
export async function runServe(invocation: Invocation, io: Io, signals = new Signals()): Promise<number> {
  const serving = Promise.withResolvers<undefined>();
  const running = serve(invocation, io, signals, () => serving.resolve(undefined));
  try {
    // Nobody is served yet, and whatever the start waits for may never come.
    const early = await Promise.race([running, serving.promise, signals.stopped]);
    return early === undefined ? await running : typeof early === 'number' ? early : 0;
  } finally {
    signals.close();
  }
}

async function serve(
  { config: configPath, overlay, notices }: Invocation,
  io: Io,
  signals: Signals,
  onServing: () => void,
): Promise<number> {
  // Before the read that is applied: a change between the two is then seen as one.
  const hash = configPath === undefined ? '' : await hashOf(configPath);
  const first = await loadFrom(configPath, overlay, io);
  const { loaded } = first;
  const config = loaded?.config;
  if (loaded === undefined || config === undefined) {
    io.err(formatDiagnostics(first.diagnostics, 'text', io.terminal ? { files: first.files, colour: true } : {}));
    return 1;
  }
  const log = createLogger(config.logging);
  for (const notice of notices) log.warn(notice);
  warnOfFewDescriptors(log);
  // Node ends the process then, as it should: nobody knows what state it is in.
  process.on('uncaughtExceptionMonitor', (error) => log.fatal({ err: error }, 'ended by a fault of its own'));
  const secrets = new Secrets(process.env);
  const followed = Promise.withResolvers<Watcher>();
  const control = createConfigControl({
    path: configPath,
    reloader: () => reloader,
    watcher: configPath === undefined ? undefined : followed.promise,
  });
  const router = new Router({
    log,
    version: VERSION,
    config,
    resolveSecret: (secret) => secrets.resolve(secret),
    authenticate: createAuthenticate(secrets, () => router.snapshot!.config),
    control,
  });
  const loader = new ConfigLoader(log);
  const readSecrets = (config: Config) => secrets.load(config);
  const reloader: Reloader = new Reloader({ router, overlay, log, loader, readSecrets });
  try {
    await reloader.reload(first.files, hash, true, withDocument(loaded, first.files));
  } catch (error) {
    if (error instanceof Obstacle) log.fatal(`cannot start: ${error.message}`);
    else log.fatal({ err: error }, 'cannot start');
    await router.stop();
    await log.close();
    return 1;
  }
  onServing();
  const watcher =
    configPath === undefined ? undefined : createConfigWatcher(configPath, router, reloader, secrets, log);
  const started = Promise.resolve(watcher?.start(hash)).then(() => {
    if (watcher !== undefined) followed.resolve(watcher);
    signals.onHangUp(() => {
      if (watcher === undefined) return void reloadFlags(control, log);
      log.info('SIGHUP: reading the config again');
      void watcher.check({ force: true });
    });
    log.info({ version: VERSION, pid: process.pid, config: configPath ?? 'flags', hash }, 'ready');
  });
  // The watcher reads files, which may hang; what is served already is drained all the same.
  await Promise.race([started, signals.stopped]);
  log.info({ signal: await signals.stopped }, 'stopping');
  // Whoever asks is sent elsewhere from here on, whatever the watcher waits for.
  router.startDraining();
  await Promise.race([
    watcher?.stop(),
    sleep(PATIENCE, undefined, { signal: signals.hurry, ref: false }).catch(() => {}),
  ]);
  await drain(router, log, signals.hurry);
  loader.close();
  await log.close();
  return 0;
}

/** Node has raised the soft limit to the hard one, so what there is now is what there can be. */
function warnOfFewDescriptors(log: Logger): void {
  const files = openFileLimit();
  if (files >= FEW_DESCRIPTORS) return;
  const connections = connectionsFor(files);
  log.warn(
    { files, connections },
    'few files may be open, so few clients connected at a time: raise the hard limit (ulimit -Hn)',
  );
}

/** There is no file, but there may be secrets. */
async function reloadFlags(control: ConfigControl, log: Logger): Promise<void> {
  log.info('SIGHUP: flags alone make the config, so there is no file to read again; reading secrets again');
  const { failure } = await control.reload();
  if (failure !== undefined) log.error({ failure }, 'not applied; the config in force stays');
}

async function hashOf(path: string): Promise<string> {
  const read = await readConfig(path).catch(() => undefined);
  return read?.hash ?? '';
}

function createConfigWatcher(path: string, router: Router, reloader: Reloader, secrets: Secrets, log: Logger): Watcher {
  const settings = () => router.snapshot!.config.reload;
  return createWatcher(
    {
      path,
      extraFiles: () => secrets.files(router.snapshot!.config),
      get debounce() {
        return settings().debounce;
      },
      get poll() {
        return settings().poll;
      },
      get watch() {
        return settings().watch;
      },
      warn: (message) => log.warn(message),
      unreadable: (reason) => void reloader.unreadable(`the files cannot be read: ${reason}`),
    },
    async (files, newHash, change) => {
      const { forced, extraFiles } = change;
      await reloader.reload(files, newHash, forced || extraFiles.length > 0, undefined, extraFiles);
    },
  );
}
