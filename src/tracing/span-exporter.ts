import type { Delivery } from './collector.ts';
import type { SpanSink } from './request-span.ts';
import { SpanBatch } from './span-batch.ts';

/** Batches that wait, some 0.7 MB each. */
const MAX_WAITING = 8;
/** ms until a batch that is not full is sent. */
const DELAY = 1_000;
/** ms between tries, doubled with each that fails. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
/** Of one batch. */
const TRIES = 6;

/** What became of a span: `dropped`: no room; `failed`: not delivered; `rejected`: the collector did not want it. */
export type SpanResult = 'exported' | 'dropped' | 'failed' | 'rejected';

export interface ExporterDeps {
  /** Never rejects. */
  readonly deliver: (payload: Buffer) => Promise<Delivery>;
  /** Ends a delivery that is under way. */
  readonly abort: () => void;
  /** Its attributes: who we are. */
  readonly resource: string;
  readonly count: (result: SpanResult, spans: number) => void;
  /** It does not work, or, without a reason, works again. */
  readonly trouble: (reason: string | undefined) => void;
  readonly random: () => number;
}

/**
 * Sends spans in batches, one at a time. Nobody waits for it: what does not fit is dropped and counted. It has no timer while it has no
 * spans, so that one of a config that is gone needs no end.
 */
export class SpanExporter implements SpanSink {
  readonly #deps: ExporterDeps;
  /** All but the last are full. */
  #waiting: SpanBatch[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #failures = 0;
  #endPause: (() => void) | undefined;
  /** No further tries: another destination has taken over, or the process ends. */
  #retired = false;
  #closed = false;

  constructor(deps: ExporterDeps) {
    this.#deps = deps;
  }

  add(span: string): void {
    const last = this.#batch();
    if (last === undefined) {
      this.#deps.count('dropped', 1);
      return;
    }
    last.add(span);
    if (this.#sending !== undefined) return;
    if (last.full) this.#arm(0);
    else if (this.#timer === undefined) this.#arm(DELAY);
  }

  /** Sends what it has and what still comes, each batch once. */
  retire(): void {
    this.#retired = true;
    this.#endPause?.();
  }

  /** Takes nothing any more, and sends what it has, for at most `bound` ms. */
  async close(bound: number): Promise<void> {
    this.retire();
    this.#closed = true;
    clearTimeout(this.#timer);
    const deadline = setTimeout(() => this.#deps.abort(), bound);
    await this.#sending;
    if (this.#waiting.length > 0) await this.#send();
    clearTimeout(deadline);
    this.#deps.abort();
  }

  /** With room for one more; undefined when there is none. */
  #batch(): SpanBatch | undefined {
    if (this.#closed) return undefined;
    const last = this.#waiting.at(-1);
    if (last !== undefined && !last.full) return last;
    if (this.#waiting.length >= MAX_WAITING) return undefined;
    const fresh = new SpanBatch(this.#deps.resource);
    this.#waiting.push(fresh);
    return fresh;
  }

  #arm(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sending = this.#send().finally(() => {
        this.#sending = undefined;
        if (this.#waiting.length > 0 && !this.#closed) this.#arm(this.#waiting[0]!.full ? 0 : DELAY);
      });
    }, delay);
    this.#timer.unref();
  }

  /** All full batches, and first what there is. */
  async #send(): Promise<void> {
    do {
      const delivered = await this.#deliver(this.#waiting.shift()!);
      if (!delivered && this.#closed) {
        // The next ones would take as long, and nobody waits for them any more.
        for (const { spans } of this.#waiting) this.#deps.count('dropped', spans);
        this.#waiting = [];
      }
    } while (this.#closed ? this.#waiting.length > 0 : this.#waiting[0]?.full);
  }

  async #deliver(batch: SpanBatch): Promise<boolean> {
    const { count, deliver } = this.#deps;
    const { spans } = batch;
    const payload = batch.message();
    for (let tries = 1; ; tries++) {
      const delivery = await deliver(payload);
      if (delivery.type === 'accepted') {
        const rejected = Math.min(delivery.rejected, spans);
        if (rejected > 0) count('rejected', rejected);
        count('exported', spans - rejected);
        if (this.#failures > 0) this.#deps.trouble(undefined);
        this.#failures = 0;
        return true;
      }
      this.#deps.trouble(delivery.reason);
      this.#failures++;
      if (delivery.type === 'again' && tries < TRIES && !this.#retired) {
        await this.#pause(delivery.after);
        if (!this.#retired) continue;
      }
      count('failed', spans);
      return false;
    }
  }

  /** At least `least` ms, if that is not too long. What is random in it keeps routers from coming all at once. */
  #pause(least: number): Promise<void> {
    const doubled = FIRST_PAUSE * 2 ** Math.min(this.#failures - 1, 10);
    const ms = Math.min(Math.max(least, doubled * (0.5 + this.#deps.random() / 2)), LONGEST_PAUSE);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
