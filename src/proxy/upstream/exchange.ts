import type { LookupFunction } from 'node:net';
import type { Exchange, UpstreamHandler, UpstreamRequest } from '../../backends/pool.ts';
import type { Connection } from './connection.ts';

/** Where a connection connects to, resolved once per backend. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** `Host` header. */
  readonly authority: string;
  readonly lookup: LookupFunction;
}

/** What the pool wants to hear of its connections. */
export interface ConnectionOwner {
  /** The exchange is complete and the connection may carry another. */
  onIdle(connection: Connection): void;
  onClosed(connection: Connection): void;
  /**
   * A reused connection ended right after the request, without a byte of response: the engine had closed it while idle (uvicorn does
   * after 5 s).
   */
  onStale(exchange: SocketExchange): void;
}

/** One request and its handler, on whichever connection carries them. */
export class SocketExchange implements Exchange {
  request: UpstreamRequest;
  readonly handler: UpstreamHandler;
  /** ms */
  readonly connectTimeout: number;
  connection: Connection | undefined;
  /** It is on its second connection because the first had gone stale. */
  resent = false;
  #bodySent = false;
  /** Had it last; its socket may still read the body. */
  #carrier: Connection | undefined;

  constructor(request: UpstreamRequest, handler: UpstreamHandler, connectTimeout: number) {
    this.request = request;
    this.handler = handler;
    this.connectTimeout = connectTimeout;
  }

  get bodySent(): boolean {
    return this.connection?.allSent ?? this.#bodySent;
  }

  whenBodyFree(callback: () => void): void {
    const carrier = this.connection ?? this.#carrier;
    if (this.bodySent || carrier === undefined) callback();
    else carrier.whenBodyFree(callback);
  }

  /** The connection is no longer its own. */
  detached(bodySent: boolean): void {
    this.#carrier = this.connection;
    this.connection = undefined;
    this.#bodySent = bodySent;
  }

  /** The engine answers, so that it is not sent again: its body is not to stay for as long as the answer lasts. */
  answered(): void {
    this.request = { ...this.request, body: undefined };
  }

  abort(): void {
    this.connection?.destroy();
  }

  pause(): void {
    this.connection?.pause();
  }

  resume(): void {
    this.connection?.resume();
  }
}
