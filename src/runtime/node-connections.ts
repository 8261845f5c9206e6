import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { responseOf } from './client-error.ts';
import { peerOf } from './peer.ts';
import { everyTick } from './ticks.ts';

interface Handle {
  readonly writeQueueSize?: number;
  readonly _parent?: Handle;
}

/** ms in which the head of a request that was on its way when the listener closed is to be there. */
const LAST_HEAD = 1_000;

/** A finished response that its client is to take in time; without one, a connection that is to end. */
interface Awaited {
  readonly response: ServerResponse | undefined;
  readonly queued: number | undefined;
  /** Monotonic ms of the last progress. */
  readonly since: number;
}

/** The connections that `node:http` serves: those that a `PlainFront` has handed over, or all of a listener with TLS. */
export class NodeConnections {
  readonly #awaited = new Map<Socket, Awaited | undefined>();
  /** Those with TLS, which have another socket than the one that was accepted. */
  readonly #secure = new Map<string, Socket>();
  readonly #interval: number;
  readonly #limit: number;
  #sweeping: { stop(): void } | undefined;
  /** Monotonic ms. */
  #closedAt: number | undefined;

  /** Both in ms: how often it looks, and for how long a client may take nothing of a finished answer. */
  constructor(interval: number, limit: number) {
    this.#interval = interval;
    this.#limit = limit;
  }

  add(socket: Socket): void {
    const peer = 'encrypted' in socket ? peerOf(socket) : undefined;
    this.#awaited.set(socket, undefined);
    if (peer !== undefined) this.#secure.set(peer, socket);
    socket.once('close', () => {
      this.#awaited.delete(socket);
      if (peer !== undefined && this.#secure.get(peer) === socket) this.#secure.delete(peer);
      if (this.#awaited.size > 0) return;
      this.#sweeping?.stop();
      this.#sweeping = undefined;
    });
    this.#sweeping ??= everyTick(
      this.#interval,
      () => performance.now(),
      (now) => this.#sweep(now),
    );
  }

  /**
   * No more requests are to come. A server of Node's that has been closed looks at no time limit any more, and takes no connection for idle
   * that has had no request: one such with TLS, as clients open in advance, held a drain to its limit.
   */
  close(): void {
    this.#closedAt ??= performance.now();
  }

  /** Whether a request is under way on an accepted connection. */
  isBusy(accepted: Socket): boolean {
    const socket = this.#awaited.has(accepted) ? accepted : this.#secure.get(peerOf(accepted));
    return socket !== undefined && responseOf(socket) !== undefined;
  }

  /**
   * A client that takes nothing of a finished answer is cut, as on plain connections: those who asked for `/metrics` and did not read held
   * their connections, and the page, for good. Streams that have not ended have the limits of their requests.
   */
  #sweep(now: number): void {
    for (const [socket, awaited] of this.#awaited) {
      const response = responseOf(socket);
      if (response === undefined ? this.#closedAt === undefined : !response.writableEnded) {
        if (awaited !== undefined) this.#awaited.set(socket, undefined);
        if (response?.req.complete === false && now - (this.#closedAt ?? now) > this.#limit) socket.destroy();
        continue;
      }
      const queued = queuedBytes(socket);
      const progress = response !== undefined && (awaited?.queued !== queued || queued === undefined);
      if (awaited === undefined || awaited.response !== response || progress) {
        this.#awaited.set(socket, { response, queued, since: now });
      } else if (now - awaited.since > (response === undefined ? LAST_HEAD : this.#limit)) socket.destroy();
    }
  }
}

/**
 * Bytes that the system has not taken yet, by properties that Node does not document; undefined where they are not what they were. Node's
 * own time limit looks at them too, but with TLS only at what is to be encrypted: who read slowly was cut within an answer of one write.
 */
function queuedBytes(socket: Socket): number | undefined {
  const { _handle: handle } = socket as Socket & { _handle?: Handle | null };
  return ('encrypted' in socket ? handle?._parent : handle)?.writeQueueSize;
}
