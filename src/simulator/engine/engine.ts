import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Core } from './core.ts';
import { dispatch } from './dispatch.ts';
import { Exchange } from './exchange.ts';
import { type EngineFault, Faults, seededRandom } from './faults.ts';
import type { EngineHost } from './host.ts';
import { EngineMetrics } from './metrics.ts';
import { ModelTable } from './models.ts';
import { type EngineOptions, type EngineSettings, settingsOf } from './options.ts';
import { RequestLog, type RequestRecord } from './record.ts';
import { type Route, routesOf } from './routes.ts';
import { createEngineServer } from './server.ts';

/** A simulated vLLM engine: its HTTP as recorded from vLLM 0.32.0, a scheduler and a prefix cache behind it, and faults on demand. */
export class Engine implements EngineHost {
  readonly settings: EngineSettings;
  readonly core: Core;
  readonly metrics: EngineMetrics;
  readonly models: ModelTable;
  readonly faults: Faults;
  readonly routes: ReadonlyMap<string, Route>;
  /** Requests ever received, completed, and left by their client. */
  readonly counts = { received: 0, completed: 0, aborted: 0, failed: 0 };
  draining = false;
  healthy = true;
  frozen = false;
  port = 0;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly live = new Set<Exchange>();
  private readonly log: RequestLog;
  private readonly waiters = new Set<() => void>();
  private thawed: (() => void)[] = [];
  /** Resolved once it listens; undefined while connections are refused. */
  private listening: Promise<void> | undefined;
  private dead = false;
  private sleeping = 0;
  private pausing = false;
  private faultTimer: NodeJS.Timeout | undefined;
  private ids = 0;
  private readonly idPrefix: string;

  constructor(options: EngineOptions) {
    this.settings = settingsOf(options);
    const random = seededRandom(this.settings.seed);
    this.idPrefix = Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0');
    this.models = new ModelTable(this.settings);
    this.metrics = new EngineMetrics(this.settings);
    this.routes = routesOf(this.settings);
    this.log = new RequestLog(this.settings.logLimit);
    this.faults = new Faults(random, (fault) => this.engineFault(fault));
    this.core = new Core(this.settings, {
      admitted: (sequence) => this.metrics.admitted(sequence),
      stepped: (tokens) => this.metrics.stepped(tokens),
      finished: (sequence) => this.metrics.ended(sequence),
      changed: () => this.notify(),
    });
    this.server = createEngineServer(this.settings.keepAlive, (req, res) => this.serve(req, res));
    this.server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => {
        this.sockets.delete(socket);
        this.notify();
      });
    });
  }

  get url(): string {
    return `http://${this.settings.host}:${this.port}`;
  }

  get running(): number {
    return this.core.running;
  }

  get waiting(): number {
    return this.core.waiting;
  }

  get load(): number {
    return this.core.running + this.core.waiting;
  }

  get open(): number {
    return this.live.size;
  }

  /** Connections that clients hold. */
  get connections(): number {
    return this.sockets.size;
  }

  /** The last requests, oldest first. */
  get requests(): readonly RequestRecord[] {
    return this.log.records;
  }

  get sleepLevel(): number {
    return this.sleeping;
  }

  set sleepLevel(level: number) {
    this.sleeping = level;
    this.applyHalt();
  }

  get paused(): boolean {
    return this.pausing;
  }

  set paused(paused: boolean) {
    this.pausing = paused;
    this.applyHalt();
  }

  nextId(): string {
    return this.idPrefix + (++this.ids).toString(16).padStart(8, '0');
  }

  listen(): Promise<void> {
    if (this.dead) return Promise.resolve();
    this.listening ??= new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.port || this.settings.port, this.settings.host, 4096, () => {
        this.server.off('error', reject);
        this.port = (this.server.address() as AddressInfo).port;
        resolve();
      });
    });
    return this.listening;
  }

  /** Resolves once `condition` holds; asked again whenever a request or a sequence starts or ends. */
  until(condition: (engine: Engine) => boolean): Promise<void> {
    if (condition(this)) return Promise.resolve();
    return new Promise((resolve) => {
      const check = () => {
        if (!condition(this)) return;
        this.waiters.delete(check);
        resolve();
      };
      this.waiters.add(check);
    });
  }

  /** Ends at once, as SIGKILL does: every socket is destroyed, the port is free. */
  async kill(): Promise<void> {
    this.dead = true;
    this.core.halt();
    clearTimeout(this.faultTimer);
    const closed = this.closeListener();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Idle connections and the listener are closed, requests that run may finish for `grace` ms. */
  async stop(grace = 0): Promise<void> {
    const closed = this.closeListener();
    this.server.closeIdleConnections();
    if (grace > 0 && this.live.size > 0) {
      const timer = setTimeout(() => this.kill(), grace);
      await this.until(() => this.live.size === 0);
      clearTimeout(timer);
    }
    await this.kill();
    await closed;
  }

  /** vLLM's SIGTERM. `drain` ms > 0 is `--shutdown-timeout`: what does not finish in it hangs, as with 0 everything does. */
  async terminate(drain = 0): Promise<void> {
    if (drain > 0) {
      this.draining = true;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, drain);
      });
      await Promise.race([this.until(() => this.live.size === 0), late]);
      clearTimeout(timer);
    }
    this.core.halt();
    this.frozen = true;
    for (const exchange of this.live) exchange.silence();
    const closed = this.closeListener();
    this.server.closeIdleConnections();
    await closed;
  }

  killCore(): void {
    this.core.halt();
    this.healthy = false;
    for (const exchange of [...this.live]) exchange.onCrash?.();
    // /health says 503 for a moment before the API server goes too.
    setTimeout(() => this.kill(), 50);
  }

  left(exchange: Exchange): void {
    if (!this.live.delete(exchange)) return;
    const { outcome } = exchange.record;
    if (outcome === 'completed') this.counts.completed++;
    else if (outcome === 'aborted') this.counts.aborted++;
    else this.counts.failed++;
    this.notify();
  }

  private serve(req: IncomingMessage, res: ServerResponse): void {
    const exchange = new Exchange(this, req, res);
    if (exchange.path.startsWith('/simulator/')) {
      this.start(exchange);
      return;
    }
    this.counts.received++;
    this.live.add(exchange);
    this.log.add(exchange.record);
    this.notify();
    if (this.frozen) this.thawed.push(() => this.start(exchange));
    else this.start(exchange);
  }

  private start(exchange: Exchange): void {
    if (exchange.closed) return;
    dispatch(this, exchange, (body) => {
      if (this.live.has(exchange)) this.log.keepBody(exchange.record, body);
    });
  }

  private engineFault(fault: EngineFault | undefined): void {
    clearTimeout(this.faultTimer);
    if (this.dead) return;
    if (!fault) {
      this.draining = false;
      this.pausing = false;
      this.frozen = false;
      this.applyHalt();
      const waiting = this.thawed;
      this.thawed = [];
      for (const go of waiting) go();
      if (this.port !== 0) void this.listen();
      return;
    }
    if (fault.kind === 'refuse') void this.closeListener();
    else if (fault.kind === 'pause') this.paused = true;
    else if (fault.kind === 'drain') this.draining = true;
    else if (fault.kind === 'terminate') void this.terminate();
    else this.frozen = true;
    this.applyHalt();
    if (fault.ms !== undefined) this.faultTimer = setTimeout(() => this.engineFault(undefined), fault.ms);
  }

  private applyHalt(): void {
    if (this.frozen || this.pausing || this.sleeping > 0) this.core.halt();
    else this.core.resume();
  }

  private async closeListener(): Promise<void> {
    const { listening } = this;
    if (!listening) return;
    this.listening = undefined;
    if (!this.server.listening) await listening;
    // Idle connections go with it, as in a process that ends; busy ones stay.
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
  }

  notify(): void {
    if (this.waiters.size > 0) for (const check of [...this.waiters]) check();
  }
}

export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const engine = new Engine(options);
  await engine.listen();
  return engine;
}
