import { probeModels, sameCards } from './model-probe.ts';
import type { ModelCard } from './source.ts';

const BACKOFF_FIRST = 500;
const BACKOFF_MAX = 30_000;

export interface ProbeTarget {
  readonly id: string;
  readonly url: string;
  /** Read for every probe, because secrets rotate. */
  readonly authorization?: () => string | undefined;
  /** Asks this target in its own way; else by `probe` of the options. */
  readonly probe?: typeof probeModels;
}

export interface ModelProberOptions {
  /** ms between two answers of one target; 0 = asked once, until it answers. */
  readonly refresh: number;
  /** ms for one probe. */
  readonly timeout: number;
  /** Probes under way at once; one slow backend must not delay the others. */
  readonly concurrency?: number;
  /** Called with the first cards of a target and whenever they changed. Must not throw. */
  readonly onCards: (id: string, cards: readonly ModelCard[]) => void;
  /** Called for each answer, after `onCards`. */
  readonly onAnswer?: (id: string) => void;
  /** Called for each failed probe; `failures` in a row. */
  readonly onFailure?: (id: string, error: Error, failures: number) => void;
  /** Called with the first answer after failures. */
  readonly onRecovered?: (id: string) => void;
  readonly random?: () => number;
  readonly probe?: typeof probeModels;
}

interface Entry {
  readonly target: ProbeTarget;
  readonly abort: AbortController;
  timer: NodeJS.Timeout | undefined;
  state: 'waiting' | 'queued' | 'running';
  /** Asked for while running: the answer under way may be older than the reason to ask. */
  again: boolean;
  failures: number;
  cards: readonly ModelCard[] | undefined;
}

/**
 * Keeps the model cards of many backends up to date. A target is probed at once; until it answers again after 0.5 s, doubling
 * to 30 s; then every `refresh`. Its last cards stay valid while it fails: only health decides who gets requests.
 */
export class ModelProber {
  readonly #options: ModelProberOptions & Required<Pick<ModelProberOptions, 'concurrency' | 'random' | 'probe'>>;
  readonly #entries = new Map<string, Entry>();
  readonly #queue: Entry[] = [];
  #running = 0;

  constructor(options: ModelProberOptions) {
    this.#options = { concurrency: 32, random: Math.random, probe: probeModels, ...options };
  }

  /** Probes `target` from now on. A target known under the same id is left alone unless its URL changed. */
  watch(target: ProbeTarget): void {
    const known = this.#entries.get(target.id);
    if (known?.target.url === target.url) return;
    this.forget(target.id);
    const entry: Entry = {
      target,
      abort: new AbortController(),
      timer: undefined,
      state: 'waiting',
      again: false,
      failures: 0,
      cards: undefined,
    };
    this.#entries.set(target.id, entry);
    this.#enqueue(entry);
  }

  /** Stops asking; nothing is called for this id any more. */
  forget(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    clearTimeout(entry.timer);
    entry.abort.abort();
    const queued = this.#queue.indexOf(entry);
    if (queued >= 0) this.#queue.splice(queued, 1);
  }

  /** Asks again without waiting for the interval or the back-off; unknown ids are ignored. */
  probeNow(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    if (entry.state === 'running') entry.again = true;
    else if (entry.state === 'waiting') this.#enqueue(entry);
  }

  stop(): void {
    for (const id of [...this.#entries.keys()]) this.forget(id);
  }

  #enqueue(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.state = 'queued';
    this.#queue.push(entry);
    this.#drain();
  }

  #drain(): void {
    while (this.#running < this.#options.concurrency) {
      const entry = this.#queue.shift();
      if (!entry) return;
      this.#running++;
      entry.state = 'running';
      void this.#run(entry).finally(() => {
        this.#running--;
        this.#drain();
      });
    }
  }

  async #run(entry: Entry): Promise<void> {
    const { target } = entry;
    let failure: Error | undefined;
    let cards: readonly ModelCard[] = [];
    try {
      const { timeout, probe } = this.#options;
      cards = await (target.probe ?? probe)(target.url, {
        authorization: target.authorization?.(),
        timeout,
        signal: entry.abort.signal,
      });
    } catch (error) {
      failure = error as Error;
    }
    if (entry.abort.signal.aborted) return;
    entry.state = 'waiting';
    const recovered = !failure && entry.failures > 0;
    entry.failures = failure ? entry.failures + 1 : 0;
    // Scheduled before the callbacks, which may forget the entry or ask again.
    if (entry.again) {
      entry.again = false;
      this.#enqueue(entry);
    } else {
      const delay = this.#delay(entry);
      if (delay > 0) entry.timer = setTimeout(() => this.#enqueue(entry), delay);
    }
    if (failure) {
      this.#options.onFailure?.(target.id, failure, entry.failures);
      return;
    }
    if (!entry.cards || !sameCards(entry.cards, cards)) {
      entry.cards = cards;
      this.#options.onCards(target.id, cards);
    }
    this.#options.onAnswer?.(target.id);
    if (recovered) this.#options.onRecovered?.(target.id);
  }

  /** Jitter keeps a thousand backends that came at once, or fell at once, from being asked in step. */
  #delay(entry: Entry): number {
    const { refresh, random } = this.#options;
    if (entry.failures > 0) {
      const full = Math.min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** (entry.failures - 1));
      return full * (0.5 + random() / 2);
    }
    return refresh * (0.9 + random() / 5);
  }
}
