import type { RequestListener } from 'node:http';
import type { Config, ListenerConfig } from '../config/config.ts';
import { ConnectionCap } from './connection-cap.ts';
import { Listener } from './listener.ts';

/** The bound addresses of the config in force. */
export class ListenerSet {
  readonly #handler: (config: ListenerConfig) => RequestListener;
  readonly #onOpen: (listener: Listener) => void;
  #open = new Map<string, Listener>();
  readonly #closing = new Set<Listener>();
  readonly #cap = new ConnectionCap();

  constructor(handler: (config: ListenerConfig) => RequestListener, onOpen: (listener: Listener) => void) {
    this.#handler = handler;
    this.#onOpen = onOpen;
  }

  /**
   * Binds what is new before anything old is closed. Rejects when an address cannot be had or a certificate cannot be read; then
   * everything is as before.
   */
  async prepare(config: Config): Promise<{ commit(): void; rollback(): void }> {
    const opened: Listener[] = [];
    const rotations: (() => void)[] = [];
    const next = new Map<string, Listener>();
    const rollback = () => {
      for (const listener of opened) listener.destroy();
    };
    try {
      for (const listener of Object.values(config.listeners)) {
        const current = this.#open.get(listener.name);
        if (current?.fits(listener)) {
          rotations.push(current.prepareTls(listener));
          next.set(listener.name, current);
        } else {
          const fresh = await this.#bind(listener);
          opened.push(fresh);
          next.set(listener.name, fresh);
        }
      }
    } catch (error) {
      rollback();
      throw error;
    }
    return {
      commit: () => {
        for (const rotate of rotations) rotate();
        this.#commit(next);
      },
      rollback,
    };
  }

  /** Accepts no more, lets open requests finish. Resolves when the last has. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((listener) => listener.close()));
  }

  destroy(): void {
    for (const listener of [...this.#open.values(), ...this.#closing]) listener.destroy();
  }

  get open(): Iterable<Listener> {
    return this.#open.values();
  }

  async #bind(config: ListenerConfig): Promise<Listener> {
    const listener = new Listener(config, this.#handler(config), this.#cap);
    try {
      await listener.open();
    } catch (error) {
      throw new Error(
        `listener "${config.name}" cannot bind ${config.host}:${config.port}: ${(error as Error).message}`,
        {
          cause: error,
        },
      );
    }
    return listener;
  }

  #commit(next: Map<string, Listener>): void {
    const before = new Set(this.#open.values());
    this.#open = next;
    for (const listener of next.values()) if (!before.delete(listener)) this.#onOpen(listener);
    for (const old of before) {
      this.#closing.add(old);
      void old.close().finally(() => this.#closing.delete(old));
    }
  }
}
