import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { bindsConflict } from '../config/bind.ts';
import type { ListenerConfig } from '../config/config.ts';
import { MAX_HEAD } from '../proxy/client/plain-connection.ts';
import { KEEP_ALIVE } from '../proxy/client/plain-response.ts';
import { type OnRefused, onClientError, refuseConnect } from './client-error.ts';
import type { Accepts } from './connection-cap.ts';
import { inTurn } from './in-turn.ts';
import { NodeConnections } from './node-connections.ts';
import { PlainFront, type PlainHandler, type TimeLimits } from './plain-front.ts';

const SERVER_OPTIONS = {
  maxHeaderSize: MAX_HEAD,
  noDelay: true,
  // A client whose machine is gone, and which waits for an answer that is not streamed, would hold its engine until that is done.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  // Enforces the two limits below; Node's own 30 s would let a slow sender hold on for half a minute more.
  connectionsCheckingInterval: 1_000,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: KEEP_ALIVE,
  insecureHTTPParser: false,
  // The pipeline answers that in our own shape.
  requireHostHeader: false,
} as const;

const TLS_OPTIONS = {
  ALPNProtocols: ['http/1.1'],
  minVersion: 'TLSv1.2',
} as const;

/** One bound address. What it serves is looked up per request, so only a changed address or TLS needs another one. */
export class Listener {
  readonly name: string;
  readonly #server: Server | TlsServer;
  readonly #config: ListenerConfig;
  readonly #connections: NodeConnections;
  /** With TLS all requests are the server's. */
  readonly #front: PlainFront | undefined;

  /** `forwards`: the paths whose requests need no `node:http`. `times` replaces the time limits, for tests. `refused` hears of what was no request. */
  constructor(
    config: ListenerConfig,
    handle: RequestListener,
    forwards: (path: string) => boolean,
    cap: Accepts,
    times: Partial<TimeLimits> = {},
    refused: OnRefused = () => {},
  ) {
    this.name = config.name;
    this.#config = config;
    const options = { ...SERVER_OPTIONS, ...times };
    const served = inTurn(handle, refused);
    const connections = new NodeConnections(options.connectionsCheckingInterval, options.requestTimeout);
    this.#connections = connections;
    if (config.tls) {
      // Node's own two minutes let whoever connects and says nothing hold a connection for that long.
      const handshakeTimeout = options.headersTimeout;
      this.#server = createTlsServer({ ...TLS_OPTIONS, ...options, ...readTls(config), handshakeTimeout }, served);
      this.#server.on('connection', (socket) => cap.accept(socket, refused, () => !connections.isBusy(socket)));
      this.#server.on('secureConnection', (socket) => connections.add(socket));
    } else {
      const server = createServer(options, served);
      this.#server = server;
      // The front hands sockets to all that listens here before it.
      server.on('connection', (socket) => connections.add(socket));
      // Koa and the pipeline use what plain requests and responses have in common with Node's.
      const plain = handle as unknown as PlainHandler['handle'];
      this.#front = new PlainFront(server, { serves: forwards, handle: plain }, cap, options, refused, (socket) =>
        connections.isBusy(socket),
      );
    }
    this.#server.on('clientError', (error, socket) => onClientError(error, socket as Socket, refused));
    // The pipeline asks for the body once it knows that it wants it, and refuses other expectations.
    this.#server.on('checkContinue', served);
    this.#server.on('checkExpectation', served);
    this.#server.on('connect', (_request, socket) => refuseConnect(socket as Socket, refused));
  }

  /** Rejects with the system's error when the address cannot be had. */
  open(): Promise<void> {
    const { host, port } = this.#config;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: 4_096 }, () => {
        this.#server.off('error', reject);
        // An error of accept (no descriptors left) must not end the process; the next connection is tried again.
        this.#server.on('error', () => {});
        resolve();
      });
    });
  }

  get address(): { host: string; port: number } {
    const address = this.#server.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  /** Whether `config` can be served without binding again. */
  fits(config: ListenerConfig): boolean {
    const { host, port, tls } = this.#config;
    return host === config.host && port === config.port && (tls === undefined) === (config.tls === undefined);
  }

  /** Whether `config` can only be bound once this one is closed. */
  blocks(config: ListenerConfig): boolean {
    return bindsConflict(this.#config, config);
  }

  /** Reads the certificate now, throws when it cannot; the result puts it in force for new connections. */
  prepareTls(config: ListenerConfig): () => void {
    if (config.tls === undefined) return () => {};
    const tls = readTls(config);
    return () => (this.#server as TlsServer).setSecureContext(tls);
  }

  /** Accepts no more, closes what is idle, and resolves when the last connection has ended. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // A response that ends makes its connection idle, not closed.
    const again = setInterval(() => this.#server.closeIdleConnections(), 250);
    this.#server.closeIdleConnections();
    this.#front?.closeIdle();
    this.#connections.close();
    const ended = Promise.all([closed, this.#front?.emptied()]);
    return ended.then(() => {}).finally(() => clearInterval(again));
  }

  destroy(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#front?.destroy();
  }
}

/** Throws where the two are no certificate and its key: put in force unseen, they would end a reload halfway. */
function readTls({ name, tls }: ListenerConfig): { cert: Buffer; key: Buffer } {
  const { certFile, keyFile } = tls!;
  try {
    const pair = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    createSecureContext(pair);
    return pair;
  } catch (error) {
    throw new Error(`listener "${name}": certificate ${certFile} with key ${keyFile}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
