import type { ServerResponse } from 'node:http';
import { RouterError } from '../errors.ts';
import type { AdminDeps } from './admin-deps.ts';
import { StatusBoard } from './status-board.ts';

/** ms between two messages. */
const INTERVAL = 1_000;
/** Each is a socket, of the 32 that a listener for us alone has for sure (`ConnectionCap`), and what it has not read yet. */
const MOST_VIEWERS = 16;
/** Bytes that a viewer may be behind; then it gets nothing until it has read them, and everything anew. */
const MOST_BEHIND = 1024 * 1024;

interface Viewer {
  readonly response: ServerResponse;
  /** Asked again when the config changes. */
  readonly mayStay: () => boolean;
  /** Has everything up to the last message. */
  current: boolean;
}

/** The status of the router as server-sent events. What it costs does not depend on how many look, and is nothing when nobody does. */
export class StatusFeed {
  readonly #deps: AdminDeps;
  readonly #board: StatusBoard;
  readonly #viewers = new Set<Viewer>();
  #timer: NodeJS.Timeout | undefined;
  #updating = false;
  #updatedAt = Number.NEGATIVE_INFINITY;
  #generation = 0;
  #whole: Buffer | undefined;
  #closed = false;

  constructor(deps: AdminDeps) {
    this.#deps = deps;
    this.#board = new StatusBoard(deps);
  }

  /** Answers with the events, until the client leaves, `mayStay` says no after a reload, or `close`. */
  open(response: ServerResponse, mayStay: () => boolean): void {
    if (this.#closed) throw new RouterError('server_shutting_down');
    if (this.#viewers.size >= MOST_VIEWERS) throw new RouterError('overloaded');
    // Proxies such as nginx would hold events back.
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    response.write('retry: 2000\n\n');
    const viewer: Viewer = { response, mayStay, current: false };
    this.#viewers.add(viewer);
    response.on('close', () => this.#viewers.delete(viewer));
    response.on('error', () => {});
    const fresh = this.#deps.now() - this.#updatedAt < INTERVAL && !this.#updating;
    if (fresh) this.#bringUpToDate(viewer);
    this.#schedule(fresh ? INTERVAL : 0);
  }

  /** Ends all of them: nobody should wait for a page to be closed. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { response } of this.#viewers) response.end();
  }

  #schedule(delay: number): void {
    if (this.#updating || this.#closed || this.#viewers.size === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tick(), delay);
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    const begun = this.#deps.now();
    this.#updating = true;
    this.#whole = undefined;
    try {
      const event = toEvent(await this.#board.update());
      this.#updatedAt = this.#deps.now();
      this.#dismiss();
      for (const viewer of this.#viewers) this.#send(viewer, event);
    } catch (error) {
      this.#deps.log.error({ err: error }, 'the status could not be told');
    } finally {
      this.#updating = false;
    }
    this.#schedule(Math.max(INTERVAL / 2, INTERVAL - (this.#deps.now() - begun)));
  }

  #send(viewer: Viewer, event: Buffer): void {
    const { response, current } = viewer;
    if (response.destroyed) return;
    if (!current) {
      // A viewer that reads slowly gets everything when it has read what it was sent.
      if (response.writableLength === 0) this.#bringUpToDate(viewer);
      return;
    }
    if (response.writableLength > MOST_BEHIND) viewer.current = false;
    else response.write(event);
  }

  #bringUpToDate(viewer: Viewer): void {
    this.#whole ??= toEvent(this.#board.whole()!);
    viewer.response.write(this.#whole);
    viewer.current = true;
  }

  /** A reload may have taken the listener away, or the key. */
  #dismiss(): void {
    const { generation } = this.#deps.snapshot();
    if (generation === this.#generation) return;
    this.#generation = generation;
    for (const { response, mayStay } of this.#viewers) if (!mayStay()) response.end();
  }
}

function toEvent(json: string): Buffer {
  return Buffer.from(`data: ${json}\n\n`);
}
