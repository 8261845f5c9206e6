import { isIP } from 'node:net';
import { type Addresses, addresses } from '../../addresses.ts';
import type { Exchange, UpstreamHandler, UpstreamPool, UpstreamRequest } from '../../backends/pool.ts';
import { Connection } from './connection.ts';
import { type ConnectionOwner, SocketExchange, type Target } from './exchange.ts';

/**
 * uvicorn closes an idle connection at 5.00 s without having announced it, and a POST that meets that moment is lost on the
 * wire: 151 of 330 reuses around 5 s failed, none before 4.9 s (measured on vLLM 0.32).
 */
const REUSE_WITHIN = 4_000;

/** Keep-alive connections to one backend; the most recently used goes first, so that surplus ones age out. */
export class SocketPool implements UpstreamPool, ConnectionOwner {
  readonly #target: Target;
  readonly #pathPrefix: string;
  readonly #now: () => number;
  readonly #addresses: Addresses;
  /** Undefined where the URL has an address. */
  readonly #name: string | undefined;
  readonly #idle: Connection[] = [];
  /** With the generation of its name's addresses that each is known to agree with. */
  readonly #connections = new Map<Connection, number>();
  #closed = false;
  #sweep: NodeJS.Timeout | undefined;

  /** `url` as in BackendSpec; `now` is monotonic ms. */
  constructor(url: string, now: () => number, known = addresses) {
    const parsed = new URL(url);
    const tls = parsed.protocol === 'https:';
    const host = parsed.hostname.replace(/^\[|\]$/g, '');
    this.#target = {
      host,
      port: parsed.port === '' ? (tls ? 443 : 80) : Number(parsed.port),
      tls,
      authority: parsed.host,
      lookup: known.lookup,
    };
    this.#name = isIP(host) === 0 ? host : undefined;
    this.#addresses = known;
    this.#pathPrefix = parsed.pathname.replace(/\/+$/, '');
    this.#now = now;
  }

  get open(): number {
    return this.#connections.size;
  }

  send(request: UpstreamRequest, handler: UpstreamHandler, connectTimeout: number): Exchange {
    const prefixed = this.#pathPrefix === '' ? request : { ...request, path: this.#pathPrefix + request.path };
    const exchange = new SocketExchange(prefixed, handler, connectTimeout);
    const connection = this.#take() ?? this.#connect(connectTimeout);
    connection.send(exchange);
    return exchange;
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
    clearInterval(this.#sweep);
  }

  destroy(): void {
    this.close();
    for (const connection of this.#connections.keys()) connection.cut();
  }

  onIdle(connection: Connection): void {
    if (this.#closed) {
      connection.destroy();
      return;
    }
    connection.idleSince = this.#now();
    this.#idle.push(connection);
    this.#sweep ??= setInterval(() => this.#closeAged(), 1_000).unref();
  }

  onClosed(connection: Connection): void {
    this.#connections.delete(connection);
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** Not one of 151 such POSTs had run at the engine, so one try on a fresh connection is safe and invisible. */
  onStale(exchange: SocketExchange): void {
    exchange.resent = true;
    this.#connect(exchange.connectTimeout).send(exchange);
  }

  #take(): Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      if (this.#now() - connection.idleSince >= REUSE_WITHIN) {
        // The most recent one is too old, so all are.
        connection.destroy();
        for (const aged of this.#idle.splice(0)) aged.destroy();
        return undefined;
      }
      if (this.#name === undefined || this.#isCurrent(connection, this.#name)) return connection;
      connection.destroy();
    }
  }

  /** The most recent goes first, so under steady traffic a connection would stay for ever with a machine that has lost the name. */
  #isCurrent(connection: Connection, name: string): boolean {
    const generation = this.#addresses.generation(name);
    if (this.#connections.get(connection) === generation) return true;
    this.#connections.set(connection, generation);
    return this.#addresses.has(name, connection.remoteAddress);
  }

  #connect(connectTimeout: number): Connection {
    const connection = new Connection(this.#target, this, connectTimeout);
    this.#connections.set(connection, 0);
    return connection;
  }

  #closeAged(): void {
    const now = this.#now();
    const firstYoung = this.#idle.findIndex((connection) => now - connection.idleSince < REUSE_WITHIN);
    for (const aged of this.#idle.splice(0, firstYoung < 0 ? this.#idle.length : firstYoung)) aged.destroy();
    if (this.#idle.length === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }
  }
}
