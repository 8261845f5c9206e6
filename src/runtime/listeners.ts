import type { RequestListener } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { Config, ListenerConfig } from '../config/config.ts';
import { ENDPOINTS } from '../pipeline/endpoints.ts';
import type { OnRefused } from './client-error.ts';
import { type Accepts, ConnectionCap } from './connection-cap.ts';
import { Listener } from './listener.ts';
import { Obstacle } from './obstacle.ts';

const forwards = (path: string) => ENDPOINTS.has(path);

/** ms */
const LATE_RETRY = 1_000;

/** The bound addresses of the config in force. */
export class ListenerSet {
  readonly #handler: (config: ListenerConfig) => RequestListener;
  readonly #onOpen: (listener: Listener) => void;
  readonly #onTrouble: (message: string) => void;
  readonly #onRefused: (listener: string) => OnRefused;
  #open = new Map<string, Listener>();
  readonly #closing = new Set<Listener>();
  readonly #cap = new ConnectionCap();
  /** Names of those that forward nothing. A connection that began at such a one stays its own when a reload has it forward. */
  #quiet: ReadonlySet<string> = new Set();

  constructor(
    handler: (config: ListenerConfig) => RequestListener,
    onOpen: (listener: Listener) => void,
    onTrouble: (message: string) => void,
    onRefused: (listener: string) => OnRefused,
  ) {
    this.#handler = handler;
    this.#onOpen = onOpen;
    this.#onTrouble = onTrouble;
    this.#onRefused = onRefused;
  }

  /**
   * Binds what is new before anything old is closed, but for addresses that an old one of ours still has: under another name or
   * with another kind of TLS they are bound as soon as it has left them. Rejects when an address cannot be had or a certificate
   * cannot be used; then everything is as before.
   */
  async prepare(config: Config): Promise<{ commit(): void; rollback(): void }> {
    const opened: Listener[] = [];
    const late: [ListenerConfig, Listener][] = [];
    const rotations: (() => void)[] = [];
    const next = new Map<string, Listener>();
    const rollback = () => {
      for (const listener of opened) listener.destroy();
    };
    const going = [...this.#open.values()].filter((old) => {
      const wanted = config.listeners[old.name];
      return wanted === undefined || !old.fits(wanted);
    });
    try {
      for (const listener of Object.values(config.listeners)) {
        const current = this.#open.get(listener.name);
        if (current?.fits(listener)) {
          rotations.push(current.prepareTls(listener));
          next.set(listener.name, current);
          continue;
        }
        const refused = this.#onRefused(listener.name);
        const { name } = listener;
        const cap: Accepts = {
          accept: (socket, told, idle) => this.#cap.accept(socket, told, idle, this.#quiet.has(name)),
        };
        const fresh = new Listener(listener, this.#handler(listener), forwards, cap, {}, refused);
        next.set(listener.name, fresh);
        if (going.some((old) => old.blocks(listener))) late.push([listener, fresh]);
        else {
          await bind(listener, fresh);
          opened.push(fresh);
        }
      }
    } catch (error) {
      rollback();
      throw error;
    }
    return {
      commit: () => {
        for (const rotate of rotations) rotate();
        const quiet = Object.values(config.listeners).filter(({ serve }) => !serve.includes('openai'));
        this.#quiet = new Set(quiet.map(({ name }) => name));
        this.#commit(next, new Set(late.map(([, listener]) => listener)));
        for (const [config, listener] of late) void this.#bindLate(config, listener);
      },
      rollback,
    };
  }

  /** Connections beyond the cap. */
  get spares(): Pick<ConnectionCap, 'isSpare' | 'refuses'> {
    return this.#cap;
  }

  /**
   * Accepts no more, lets open requests finish. Resolves when the last has. Listeners that forward nothing come last: until then they tell
   * the kubelet that the process is well, and Prometheus how its drain goes.
   */
  async close(): Promise<void> {
    const open = [...this.#open.values()];
    const close = (quiet: boolean) =>
      Promise.all(open.filter(({ name }) => this.#quiet.has(name) === quiet).map((listener) => listener.close()));
    await close(false);
    await close(true);
  }

  destroy(): void {
    for (const listener of [...this.#open.values(), ...this.#closing]) listener.destroy();
  }

  get open(): Iterable<Listener> {
    return this.#open.values();
  }

  /** On an address that one of ours has just left, in the same turn of the loop: nobody can tell it from a moment's delay. */
  async #bindLate(config: ListenerConfig, listener: Listener): Promise<void> {
    while (this.#open.get(config.name) === listener) {
      try {
        await bind(config, listener);
        this.#onOpen(listener);
        return;
      } catch (error) {
        this.#onTrouble(`${(error as Error).message}; next attempt in ${LATE_RETRY / 1000} s`);
        await setTimeout(LATE_RETRY, undefined, { ref: false });
      }
    }
  }

  #commit(next: Map<string, Listener>, late: ReadonlySet<Listener>): void {
    const before = new Set(this.#open.values());
    this.#open = next;
    for (const listener of next.values()) if (!before.delete(listener) && !late.has(listener)) this.#onOpen(listener);
    for (const old of before) {
      this.#closing.add(old);
      void old.close().finally(() => this.#closing.delete(old));
    }
  }
}

async function bind({ name, host, port }: ListenerConfig, listener: Listener): Promise<void> {
  try {
    await listener.open();
  } catch (error) {
    throw new Obstacle(`listener "${name}" cannot bind ${host}:${port}: ${why(error as NodeJS.ErrnoException)}`, {
      cause: error,
    });
  }
}

/** The system's own words say the address a second time, and not what is to be done. */
function why({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'another process listens there (EADDRINUSE)';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address (EADDRNOTAVAIL)';
    case 'EACCES':
      return 'this user may not (EACCES); ports below 1024 need CAP_NET_BIND_SERVICE';
    default:
      return message;
  }
}
