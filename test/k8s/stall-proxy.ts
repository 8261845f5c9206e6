import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy that can stop forwarding without closing anything, as a dead middlebox does. */
export class StallProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #stalled = false;
  /** Connections made so far. */
  connections = 0;

  private constructor(target: number) {
    this.#server = createServer((client) => {
      this.connections++;
      const upstream = connect(target, '127.0.0.1');
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (data) => {
          if (!stalled.has(client)) to.write(data);
        });
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.on('error', () => {});
      }
      const stalled = this.#stalledClients;
      if (this.#stalled) stalled.add(client);
      this.#clients.add(client);
      client.on('close', () => this.#clients.delete(client));
    });
  }

  readonly #stalledClients = new WeakSet<Socket>();
  readonly #clients = new Set<Socket>();

  static async start(target: number): Promise<StallProxy> {
    const proxy = new StallProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Every open connection falls silent for ever; new ones work. */
  stallOpen(): void {
    for (const client of this.#clients) this.#stalledClients.add(client);
  }

  /** New connections are accepted and fall silent too, until `false`. */
  stallAll(on: boolean): void {
    this.#stalled = on;
    if (on) this.stallOpen();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
