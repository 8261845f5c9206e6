import { performance } from 'node:perf_hooks';
import type { AdminDeps } from '../admin/admin-deps.ts';
import { adminEndpoints } from '../admin/admin-endpoints.ts';
import type { ConfigControl } from '../admin/control.ts';
import { engineSleep } from '../admin/engine-sleep.ts';
import { ownEndpoints } from '../admin/own-endpoints.ts';
import { StatusFeed } from '../admin/status-feed.ts';
import { BackendRegistry } from '../backends/registry.ts';
import { Roster } from '../backends/roster.ts';
import type { Config, ListenerConfig, Secret } from '../config/config.ts';
import type { RouterError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { Admission } from '../pipeline/admit.ts';
import { createApp } from '../pipeline/app.ts';
import type { Attempt } from '../pipeline/attempt.ts';
import type { Snapshot } from '../pipeline/snapshot.ts';
import type { PipelineDeps } from '../pipeline/state.ts';
import { bodyBudget } from '../proxy/body-budget.ts';
import { SocketPool } from '../proxy/upstream/socket-pool.ts';
import { RouterStats } from '../stats/router-stats.ts';
import { accessFields, accessJson, refusedFields } from './access-line.ts';
import { BackendWatch } from './backend-watch.ts';
import { rest } from './beside-requests.ts';
import { buildSnapshot } from './build-snapshot.ts';
import { createSource } from './create-source.ts';
import { EngineWatch } from './engine-watch.ts';
import type { Listener } from './listener.ts';
import { ListenerSet } from './listeners.ts';
import { MemoryPressure, memoryLimit } from './memory-pressure.ts';
import { NO_FIELDS, routingLine } from './routing-line.ts';
import { shadowFacts } from './shadow-facts.ts';
import { SourceSet } from './sources.ts';
import { StatsLog } from './stats-log.ts';
import { StatsTelemetry } from './telemetry.ts';
import { Tracing } from './tracing.ts';
import { startWatchdog } from './watchdog.ts';

export interface RouterOptions {
  readonly log: Logger;
  readonly version: string;
  /** The first config. */
  readonly config: Config;
  readonly resolveSecret: (secret: Secret) => string | undefined;
  readonly authenticate: PipelineDeps['authenticate'];
  readonly control: ConfigControl;
}

const now = () => performance.now();

/** The running router: what outlives configs, and the one pointer that a reload swaps. */
export class Router {
  readonly registry: BackendRegistry;
  readonly stats: RouterStats;
  readonly running = new Roster<Attempt>();
  readonly #options: RouterOptions;
  readonly #listeners: ListenerSet;
  readonly #sources: SourceSet;
  readonly #engines: EngineWatch;
  readonly #statsLog: StatsLog;
  readonly #watchdog: { stop(): void };
  readonly #admission = new Admission();
  readonly #watch: BackendWatch;
  readonly #memory: MemoryPressure;
  readonly #admin: AdminDeps;
  readonly #feed: StatusFeed;
  readonly #tracing: Tracing;
  readonly #shared = new Map<string, unknown>();
  readonly #created = new Map<string, number>();
  #snapshot: Snapshot | undefined;
  #draining = false;

  constructor(options: RouterOptions) {
    const { log, config } = options;
    this.#options = options;
    this.registry = new BackendRegistry({
      createPool: (url) => new SocketPool(url, now),
      now,
      onAdded: (backend) => {
        this.#created.set(backend.id, Math.floor(Date.now() / 1000));
        this.#engines.added(backend);
      },
      onLeftOut: (source, count) => {
        if (count > 0) log.error({ source, count }, 'no room for more backends: these wait until there is');
        else log.info({ source }, 'room for all backends again');
      },
      onRetired: (backend) => {
        this.#created.delete(backend.id);
        this.#engines.removed(backend.id);
        this.stats.retired(backend.url);
        for (const route of this.#snapshot?.routes ?? [])
          route.algorithm.observe?.({ type: 'removed', id: backend.id });
      },
    });
    this.#engines = new EngineWatch(
      {
        registry: this.registry,
        resolveSecret: options.resolveSecret,
        now,
        log,
        sources: () => this.#sources.facts(),
        queues: () => this.#admission.queues(),
        shadows: () => shadowFacts(this.#snapshot),
      },
      config.stats.engine,
    );
    this.stats = new RouterStats({
      version: options.version,
      window: config.stats.window,
      maxModels: config.stats.prometheus.maxModels,
      now,
      facts: this.#engines.facts,
    });
    this.#statsLog = new StatsLog(this.stats);
    const { resolveSecret } = options;
    const { discovery, traceSpans } = this.stats;
    const { version } = options;
    this.#tracing = new Tracing({ version, log, resolveSecret, spans: traceSpans, random: Math.random });
    this.#sources = new SourceSet(
      this.registry,
      (source) => createSource(source, { resolveSecret, registry: this.registry, log, counters: discovery }),
      (name) => discovery.forget(name),
    );
    this.#admin = {
      registry: this.registry,
      stats: this.stats,
      control: options.control,
      snapshot: () => this.#snapshot!,
      engine: (id) => this.#engines.stats(id),
      facts: this.#engines.facts,
      notReady: () => this.notReady(),
      authenticate: options.authenticate,
      now,
      log,
    };
    this.#feed = new StatusFeed(this.#admin);
    this.#listeners = new ListenerSet(
      (config) => this.#handler(config),
      (listener) => log.info({ listener: listener.name, ...listener.address }, 'listening'),
      (message) => log.error(message),
      (listener) => (error, inLog) => {
        this.stats.clientRejected(error.code);
        if (!inLog) this.#logRefused(listener, error);
      },
    );
    this.#watchdog = startWatchdog(this.running, now);
    this.#memory = new MemoryPressure((level) => {
      bodyBudget.shut = level === 'full';
      log.warn({ pressure: level }, 'memory pressure has changed');
    });
    this.#watch = new BackendWatch({
      registry: this.registry,
      admission: this.#admission,
      snapshot: () => this.#snapshot,
      resolveSecret,
      probeModels: ({ id, spec }) => this.#sources.get(spec.source)?.probe?.(id),
      now,
      random: Math.random,
      log,
    });
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** Puts a config in force, all of it or nothing: rejects with the reason and leaves everything as it was. */
  async apply(config: Config, hash: string): Promise<void> {
    const context = { random: Math.random, now, shared: this.#shared };
    const tracing = this.#tracing.prepare(config.tracing);
    // A reload lets requests in between: with a thousand backends each part takes some ms.
    const pause = this.#snapshot === undefined ? undefined : rest;
    const snapshot = buildSnapshot(config, hash, this.#snapshot, this.registry, context, tracing.tracer);
    await pause?.();
    const sources = this.#sources.prepare(config);
    await pause?.();
    // The first listeners accept requests before this is over; a start that fails ends the process.
    this.#snapshot ??= snapshot;
    const listeners = await this.#listeners.prepare(config);
    this.#snapshot = snapshot;
    this.registry.drain = config.reload.drain;
    this.#options.log.configure(config.logging);
    tracing.commit();
    sources.commit();
    listeners.commit();
    bodyBudget.configure(memoryLimit(), Math.max(...Object.values(config.listeners).map((one) => one.maxBodySize)));
    this.#engines.configure(config.stats.engine);
    this.stats.configure({ window: config.stats.window, maxModels: config.stats.prometheus.maxModels });
    this.stats.shares.keep(new Set(snapshot.routesByName.keys()));
    this.#statsLog.configure(config.stats.log?.every);
  }

  /** Why requests should go elsewhere; undefined when they may come. */
  notReady(): string | undefined {
    if (this.#draining) return 'it is shutting down';
    const unsynced = this.#sources.unsynced();
    if (unsynced.length > 0) return `no list yet from ${unsynced.join(', ')}`;
    return undefined;
  }

  /** From now on `/ready` says no and connections are asked to close; requests are served as before. */
  startDraining(): void {
    this.#draining = true;
  }

  /** Closes the listeners; resolves when the last request has ended. */
  closeListeners(): Promise<void> {
    this.#feed.close();
    return this.#listeners.close();
  }

  /** Cuts what still runs, telling streams why; returns how many there were. */
  cut(): number {
    const count = this.running.size;
    for (const attempt of [...this.running]) attempt.fail('shutdown');
    return count;
  }

  async stop(): Promise<void> {
    this.#watchdog.stop();
    this.#watch.stop();
    this.#memory.stop();
    this.#statsLog.configure(undefined);
    await this.#engines.stop();
    await this.#sources.stop();
    this.#listeners.destroy();
    await this.#tracing.stop();
    this.registry.destroy();
  }

  get listeners(): Iterable<Listener> {
    return this.#listeners.open;
  }

  #logRefused(listener: string, error: RouterError): void {
    const { log } = this.#options;
    if (this.#snapshot?.config.logging.access) log.perRequest('request', () => refusedFields(listener, error));
  }

  #handler(config: ListenerConfig) {
    const { log, authenticate, resolveSecret, version } = this.#options;
    // Open connections outlive a listener that a reload has removed.
    let known = config;
    const listener = (snapshot: Snapshot): ListenerConfig => {
      known = snapshot.config.listeners[config.name] ?? known;
      return known;
    };
    const deps: PipelineDeps = {
      registry: this.registry,
      telemetry: new StatsTelemetry(this.stats),
      now,
      random: Math.random,
      resolveSecret,
      routing: (routed, route, backend) =>
        log.perRequest(routingLine(routed, route, backend, now(), Date.now()), () => NO_FIELDS),
      running: this.running,
      admission: this.#admission,
      ejected: (backend, reason, until) => this.#watch.ejected(backend, reason, until),
      readmitted: (backend) => this.#watch.readmitted(backend),
      warn: (backend, message) => this.#watch.warn(backend, message),
      modelLost: (backend) => this.#watch.modelLost(backend),
      unreachable: (backend) => this.#watch.unreachable(backend),
      log: {
        error: (fields, message) => log.error(fields, message),
        refused: (error) => this.#logRefused(config.name, error),
        access: (routed, status, elapsed) =>
          log.perRequest(
            'request',
            () => accessFields(routed, status, elapsed),
            () => accessJson(routed, status, elapsed),
          ),
      },
      snapshot: () => this.#snapshot!,
      listener,
      closing: (socket) => this.#draining || this.#memory.level !== 'none' || this.#listeners.spares.isSpare(socket),
      full: (socket) => this.#memory.level === 'full' || this.#listeners.spares.refuses(socket),
      authenticate,
    };
    const own = ownEndpoints({
      registry: this.registry,
      version,
      backendCreated: (id) => this.#created.get(id) ?? 0,
      notReady: () => this.notReady(),
      metrics: () => this.stats.metrics(),
      listener,
      authenticate,
    });
    const admin = adminEndpoints({ ...this.#admin, feed: this.#feed, listener });
    const sleep = engineSleep({
      registry: this.registry,
      source: (source) => this.#sources.get(source),
      resolveSecret,
      authenticate,
      listener,
      now,
      log,
    });
    return createApp(deps, (ctx, next) => admin(ctx, () => sleep(ctx, () => own(ctx, next))));
  }
}
