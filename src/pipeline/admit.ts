import type { Backend } from '../backends/backend.ts';
import { RouterError } from '../errors.ts';
import type { Route } from './route.ts';
import type { RoutedRequest } from './routed-request.ts';

/** The backend that would take a request now; undefined while it has to wait, `none` when nobody is left that it could wait for. */
export type ChooseNow = () => Backend | 'none' | undefined;

/** One request that waits for room at a backend. */
interface Waiter {
  readonly choose: ChooseNow;
  readonly admit: (backend: Backend) => void;
  /** There is nobody left to wait for. */
  readonly giveUp: () => void;
}

/** Those that wait for the same backends. They take turns by holder, so that nobody's flood delays the others. */
class Line {
  readonly route: string;
  readonly model: string;
  readonly #holders = new Map<string, Waiter[]>();

  constructor(route: string, model: string) {
    this.route = route;
    this.model = model;
  }

  get length(): number {
    let length = 0;
    for (const waiters of this.#holders.values()) length += waiters.length;
    return length;
  }

  add(holder: string, waiter: Waiter): void {
    const waiters = this.#holders.get(holder);
    if (waiters === undefined) this.#holders.set(holder, [waiter]);
    else waiters.push(waiter);
  }

  remove(holder: string, waiter: Waiter): void {
    const waiters = this.#holders.get(holder);
    const index = waiters?.indexOf(waiter) ?? -1;
    if (index < 0) return;
    waiters!.splice(index, 1);
    if (waiters!.length === 0) this.#holders.delete(holder);
  }

  /** Admits the next one there is room for, or lets go one that waits for nobody. False when nobody waits or there is no room. */
  admitNext(): boolean {
    for (const [holder, waiters] of this.#holders) {
      const backend = waiters[0]!.choose();
      if (backend === undefined) continue;
      const waiter = waiters.shift()!;
      // To the end of the round.
      this.#holders.delete(holder);
      if (waiters.length > 0) this.#holders.set(holder, waiters);
      if (backend === 'none') waiter.giveUp();
      else waiter.admit(backend);
      return true;
    }
    return false;
  }
}

/** The bounded queues in front of backends that have all the requests they may have. One for the process. */
export class Admission {
  readonly #lines = new Map<string, Line>();
  /** Admitted and not yet counted in flight. */
  readonly #reserved = new Map<Backend, number>();

  /** Whether the backend has as many requests as the route allows. */
  isFull(backend: Backend, limit: number): boolean {
    if (limit === 0) return false;
    const reserved = this.#reserved.size === 0 ? 0 : (this.#reserved.get(backend) ?? 0);
    return backend.load.inflight + reserved >= limit;
  }

  /**
   * Waits until `choose` finds a backend, which is then reserved until `claim`. Throws `overloaded` when the queue is full,
   * `queue_timeout` when it takes too long; undefined when the client has left, or no backend is left.
   */
  wait(routed: RoutedRequest, route: Route, choose: ChooseNow): Promise<Backend | undefined> {
    const { queue, queueTimeout } = route.config.limits;
    if (this.#waiting(route.name) >= queue) {
      routed.flag = 'UO';
      throw new RouterError('overloaded');
    }
    const key = `${route.name}\0${routed.model}`;
    const line = this.#lines.get(key) ?? new Line(route.name, routed.model);
    this.#lines.set(key, line);
    const holder = routed.keyName || (routed.request.socket.remoteAddress ?? '');
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        routed.response.off('close', giveUp);
        line.remove(holder, waiter);
        if (line.length === 0 && this.#lines.get(key) === line) this.#lines.delete(key);
      };
      const waiter: Waiter = {
        choose,
        admit: (backend) => {
          this.#reserved.set(backend, (this.#reserved.get(backend) ?? 0) + 1);
          leave();
          resolve(backend);
        },
        giveUp: () => giveUp(),
      };
      const giveUp = () => {
        leave();
        resolve(undefined);
      };
      const timer = setTimeout(() => {
        leave();
        routed.flag = 'UO';
        reject(new RouterError('queue_timeout', { model: routed.askedModel }));
      }, queueTimeout);
      routed.response.once('close', giveUp);
      line.add(holder, waiter);
    });
  }

  /** The admitted request is now in flight. */
  claim(backend: Backend): void {
    const reserved = this.#reserved.get(backend) ?? 0;
    if (reserved > 1) this.#reserved.set(backend, reserved - 1);
    else this.#reserved.delete(backend);
  }

  /** There may be room: an attempt has ended, or a backend came back. */
  poke(): void {
    for (const line of this.#lines.values()) while (line.admitNext());
  }

  /** Requests waiting, by route and model. */
  *queues(): Iterable<{ readonly route: string; readonly model: string; readonly waiting: number }> {
    for (const { route, model, length } of this.#lines.values()) yield { route, model, waiting: length };
  }

  #waiting(route: string): number {
    let waiting = 0;
    for (const line of this.#lines.values()) if (line.route === route) waiting += line.length;
    return waiting;
  }
}
