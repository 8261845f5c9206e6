const STOP = ['SIGTERM', 'SIGINT'] as const;

/**
 * What signals mean to the router, from before it is loaded: as PID 1 of a container it has no default action, and a SIGTERM without a
 * handler would be lost.
 */
export class Signals {
  readonly #first = Promise.withResolvers<NodeJS.Signals>();
  readonly #hurry = new AbortController();
  #onHangUp: (() => void) | undefined;
  #hungUp = false;
  #stopping = false;

  constructor() {
    for (const name of STOP) process.on(name, this.#onStop);
    process.on('SIGHUP', this.#onSighup);
    // Node would open its inspector, which lets whoever reaches it run code here. `--inspect` works as ever.
    process.on('SIGUSR1', ignore);
  }

  /** Resolves with the first signal to stop. */
  get stopped(): Promise<NodeJS.Signals> {
    return this.#first.promise;
  }

  /** Aborts with the second one. */
  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  /** What SIGHUP does from now on; one that has come before is made up for. */
  onHangUp(reload: () => void): void {
    this.#onHangUp = reload;
    if (this.#hungUp) reload();
  }

  close(): void {
    for (const name of STOP) process.off(name, this.#onStop);
    process.off('SIGHUP', this.#onSighup);
    process.off('SIGUSR1', ignore);
  }

  readonly #onStop = (name: NodeJS.Signals) => {
    if (this.#stopping) this.#hurry.abort();
    this.#stopping = true;
    this.#first.resolve(name);
  };

  readonly #onSighup = () => {
    if (this.#onHangUp === undefined) this.#hungUp = true;
    else this.#onHangUp();
  };
}

function ignore(): void {}
