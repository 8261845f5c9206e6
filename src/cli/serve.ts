import type { Config } from '../config/config.ts';
import { formatDiagnostics } from '../config/format.ts';
import { createLogger, type Logger } from '../log.ts';
import { createAuthenticate } from '../runtime/authenticate.ts';
import { createConfigControl } from '../runtime/config-control.ts';
import { readConfig } from '../runtime/config-files.ts';
import { ConfigLoader, withDocument } from '../runtime/config-loader.ts';
import { drain } from '../runtime/drain.ts';
import { Reloader } from '../runtime/reloader.ts';
import { Router } from '../runtime/router.ts';
import { Secrets } from '../runtime/secrets.ts';
import { createWatcher, type Watcher } from '../runtime/watcher.ts';
import { VERSION } from '../version.ts';
import type { Invocation } from './argv.ts';
import type { Io } from './io.ts';
import { loadFrom } from './load.ts';

/** Runs the router until a signal ends it. Resolves with the exit code: 0 after a drain, 1 when it cannot start. */
export async function runServe({ config: configPath, overlay, notices }: Invocation, io: Io): Promise<number> {
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
  // Node ends the process then, as it should: nobody knows what state it is in.
  process.on('uncaughtExceptionMonitor', (error) => log.fatal({ err: error }, 'ended by a fault of its own'));
  const secrets = new Secrets(process.env);
  const followed = Promise.withResolvers<Watcher>();
  const router = new Router({
    log,
    version: VERSION,
    config,
    resolveSecret: (secret) => secrets.resolve(secret),
    authenticate: createAuthenticate(secrets, () => router.snapshot!.config),
    control: createConfigControl({
      path: configPath,
      reloader: () => reloader,
      watcher: configPath === undefined ? undefined : followed.promise,
    }),
  });
  const loader = new ConfigLoader(log);
  const readSecrets = (config: Config) => secrets.load(config);
  const reloader: Reloader = new Reloader({ router, overlay, log, loader, readSecrets });
  try {
    await reloader.reload(first.files, hash, true, withDocument(loaded, first.files));
  } catch (error) {
    log.fatal({ err: error }, 'cannot start');
    await router.stop();
    await log.close();
    return 1;
  }
  const watcher = configPath === undefined ? undefined : await follow(configPath, router, reloader, secrets, log, hash);
  if (watcher !== undefined) followed.resolve(watcher);
  log.info({ version: VERSION, pid: process.pid, config: configPath ?? 'flags', hash }, 'ready');
  await untilStopped(router, log, watcher);
  loader.close();
  await log.close();
  return 0;
}

async function hashOf(path: string): Promise<string> {
  const read = await readConfig(path).catch(() => undefined);
  return read?.hash ?? '';
}

async function follow(
  path: string,
  router: Router,
  reloader: Reloader,
  secrets: Secrets,
  log: Logger,
  hash: string,
): Promise<Watcher> {
  const settings = () => router.snapshot!.config.reload;
  const watcher = createWatcher(
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
    },
    async (files, newHash, change) => {
      await reloader.reload(files, newHash, change.forced || change.extraFiles.length > 0);
    },
  );
  await watcher.start(hash);
  process.on('SIGHUP', () => {
    log.info('SIGHUP: reading the config again');
    void watcher.check({ force: true });
  });
  return watcher;
}

/** First signal: drain. Second: end now. */
async function untilStopped(router: Router, log: Logger, watcher: Watcher | undefined): Promise<void> {
  const hurry = new AbortController();
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.once(name, () => {
        resolve(name);
        for (const second of ['SIGTERM', 'SIGINT'] as const) process.once(second, () => hurry.abort());
      });
    }
  });
  log.info({ signal }, 'stopping');
  await watcher?.stop();
  await drain(router, log, hurry.signal);
}
