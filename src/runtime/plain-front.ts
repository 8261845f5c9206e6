import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Roster } from '../backends/roster.ts';
import { RouterError } from '../errors.ts';
import { type ConnectionHost, PlainConnection } from '../proxy/client/plain-connection.ts';
import { type OnRefused, rawAnswer } from './client-error.ts';
import type { Accepts } from './connection-cap.ts';
import { everyTick } from './ticks.ts';

/** ms; as `node:http`'s options of the same names. */
export interface TimeLimits {
  readonly connectionsCheckingInterval: number;
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
}

/** What a front does with the requests that it can read itself. */
export type PlainHandler = Pick<ConnectionHost, 'serves' | 'handle'>;

/**
 * Stands before a `node:http` server on its port: takes its connections, serves plain requests without it, and gives it each connection that
 * has another kind of request. The server goes on owning the address and everything that is not plain.
 */
export class PlainFront implements ConnectionHost {
  readonly serves: PlainHandler['serves'];
  readonly handle: PlainHandler['handle'];
  readonly #connections = new Roster<PlainConnection>();
  readonly #cap: Accepts;
  readonly #times: TimeLimits;
  readonly #refused: OnRefused;
  readonly #busy: (socket: Socket) => boolean;
  readonly #server: Server;
  readonly #serverListeners: ((socket: Socket) => void)[];
  #sweeping: { stop(): void } | undefined;
  #empty: (() => void) | undefined;
  closing = false;

  /** `busy`: whether the server has a request under way on a connection that it has been given. */
  constructor(
    server: Server,
    handler: PlainHandler,
    cap: Accepts,
    times: TimeLimits,
    refused: OnRefused,
    busy: (socket: Socket) => boolean,
  ) {
    this.#server = server;
    this.serves = handler.serves;
    this.handle = handler.handle;
    this.#cap = cap;
    this.#times = times;
    this.#refused = refused;
    this.#busy = busy;
    this.#serverListeners = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** Closes what is idle now; each other connection ends with its answer. */
  closeIdle(): void {
    this.closing = true;
    for (const { phase, socket } of this.#connections) if (phase === 'idle') socket.destroy();
  }

  destroy(): void {
    for (const { socket } of this.#connections) socket.destroy();
  }

  /** Resolves when the last connection has ended, those that the server has been given included. */
  async emptied(): Promise<void> {
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#empty = resolve;
    });
  }

  handOver(socket: Socket): void {
    for (const listener of this.#serverListeners) listener.call(this.#server, socket);
  }

  #accept(accepted: Socket): void {
    const connection = PlainConnection.open(accepted, this);
    const socket = connection?.socket ?? accepted;
    const isIdle = () =>
      (connection?.phase ?? 'handed-over') === 'handed-over' ? !this.#busy(socket) : connection?.phase === 'idle';
    this.#cap.accept(socket, this.#refused, isIdle);
    if (connection === undefined) {
      this.handOver(accepted);
      return;
    }
    const place = this.#connections.add(connection);
    connection.socket.once('close', () => {
      this.#connections.delete(place);
      if (this.#connections.size === 0) this.#onEmpty();
    });
    const interval = this.#times.connectionsCheckingInterval;
    this.#sweeping ??= everyTick(
      interval,
      () => performance.now(),
      (now) => this.#sweep(now),
    );
  }

  #onEmpty(): void {
    this.#sweeping?.stop();
    this.#sweeping = undefined;
    this.#empty?.();
  }

  #sweep(now: number): void {
    const { headersTimeout, requestTimeout, keepAliveTimeout } = this.#times;
    for (const connection of this.#connections) {
      const age = now - connection.since;
      if (connection.phase === 'body' && age > requestTimeout) connection.timeOut();
      connection.watchReader(requestTimeout);
      if (connection.phase !== 'idle') continue;
      if (connection.fresh && age > headersTimeout) {
        const error = new RouterError('request_timeout');
        connection.socket.end(rawAnswer(error));
        connection.socket.destroySoon();
        this.#refused(error);
      } else if (!connection.fresh && age > keepAliveTimeout) connection.socket.destroy();
    }
  }
}
