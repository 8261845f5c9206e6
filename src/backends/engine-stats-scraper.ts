import got from 'got';
import type { StatsConfig } from '../config/config.ts';
import { freshAgent } from '../fresh-agent.ts';
import type { EngineStats } from '../stats/facts.ts';
import { engineFigures } from './engine-figures.ts';
import { parseEngineStats } from './engine-stats.ts';

/** vLLM's page is 54 KB, and a thousand LoRA adapters make it some MB; more than this is no metrics page. Bytes. */
const MAX_PAGE = 16 * 1024 * 1024;
/** Scrapes at once: a fleet of 1,000 with 100 dead ones is read in seconds, and no burst of sockets is opened. */
const CONCURRENCY = 32;
/** Rounds begin up to a tenth early or late, so that routers started together do not ask together for ever. */
const JITTER = 0.2;

/** A backend as the scraper sees it. */
export interface ScrapeTarget {
  readonly id: string;
  readonly url: string;
  /** Value of the `authorization` header, where the backend has a key of its own. */
  authorization?(): string | undefined;
  /** This router's requests in flight there. */
  inflight?(): number;
}

export interface ScraperDeps {
  /** Everything to be scraped; asked at the start of each round. */
  readonly targets: () => Iterable<ScrapeTarget>;
  /** Monotonic ms. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** New figures of a listed target; undefined: the last ones are too old by now. Must not throw. */
  readonly onStats: (target: ScrapeTarget, stats: EngineStats | undefined) => void;
  /** Called once for a run of failures of one backend. */
  readonly onFailure?: (target: ScrapeTarget, error: Error) => void;
}

interface State {
  target: ScrapeTarget;
  stats: EngineStats | undefined;
  /** What the engine said of itself last, and since when it has said just that. */
  figures: number | undefined;
  stillSince: number;
  /** `onStats` has been told that `stats` is too old. */
  expired: boolean;
  failures: number;
  failing: boolean;
}

/**
 * Reads every backend's `/metrics` each interval, in parallel. A backend that is slow or dead delays nobody and is not
 * asked again while it is being asked.
 */
export class EngineStatsScraper {
  readonly #deps: ScraperDeps;
  #config: StatsConfig['engine'];
  readonly #states = new Map<string, State>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #waiting: ScrapeTarget[] = [];
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(config: StatsConfig['engine'], deps: ScraperDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  /** The first round begins at once. */
  start(): void {
    this.#round();
  }

  /** Takes over a reloaded config; the next round comes by its interval. */
  configure(config: StatsConfig['engine']): void {
    const changed = config.interval !== this.#config.interval;
    this.#config = config;
    if (changed && this.#timer !== undefined) this.#schedule();
  }

  /** Ends the rounds, cuts what runs, and settles when nothing does. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
    this.#stopping.abort();
    await Promise.all(this.#running.values());
  }

  /** The backend's figures, unless they are older than `staleAfter`. */
  stats(id: string): EngineStats | undefined {
    const stats = this.#states.get(id)?.stats;
    return stats !== undefined && this.#isFresh(stats) ? stats : undefined;
  }

  /** Failed scrapes since the backend was first listed. */
  failures(id: string): number {
    return this.#states.get(id)?.failures ?? 0;
  }

  /** The backend is gone: nothing more is said of it, even by a scrape under way. */
  forget(id: string): void {
    this.#states.delete(id);
  }

  /** Asks one backend now, before its round: a new one should not be unknown for an interval. */
  scrape(target: ScrapeTarget): void {
    if (this.#stopping.signal.aborted || this.#running.has(target.id)) return;
    if (this.#waiting.some(({ id }) => id === target.id)) return;
    this.#waiting.push(target);
    this.#fill();
  }

  #round(): void {
    const listed = new Set<string>();
    for (const target of this.#deps.targets()) {
      listed.add(target.id);
      this.scrape(target);
    }
    for (const [id, state] of this.#states) {
      if (!listed.has(id)) this.#states.delete(id);
      else this.#expire(state);
    }
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { interval } = this.#config;
    this.#timer = setTimeout(() => this.#round(), interval * (1 - JITTER / 2 + JITTER * this.#deps.random()));
    this.#timer.unref();
  }

  #fill(): void {
    while (this.#running.size < CONCURRENCY) {
      const target = this.#waiting.shift();
      if (target === undefined) return;
      const running = this.#ask(target).finally(() => {
        this.#running.delete(target.id);
        this.#fill();
      });
      this.#running.set(target.id, running);
    }
  }

  async #ask(target: ScrapeTarget): Promise<void> {
    const state = this.#state(target);
    try {
      const stats = await this.#fetch(target, state);
      if (this.#states.get(target.id) !== state) return;
      state.stats = stats;
      state.expired = false;
      state.failing = false;
      this.#deps.onStats(target, stats);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      state.failures++;
      if (!state.failing) this.#deps.onFailure?.(target, error as Error);
      state.failing = true;
      this.#expire(state);
    }
  }

  #state(target: ScrapeTarget): State {
    let state = this.#states.get(target.id);
    if (state === undefined) {
      state = {
        target,
        stats: undefined,
        figures: undefined,
        stillSince: 0,
        expired: true,
        failures: 0,
        failing: false,
      };
      this.#states.set(target.id, state);
    }
    state.target = target;
    return state;
  }

  async #fetch(target: ScrapeTarget, state: State): Promise<EngineStats> {
    const { timeout } = this.#config;
    const url = `${target.url}/metrics`;
    const authorization = target.authorization?.();
    const tooLarge = new AbortController();
    const request = got(url, {
      agent: freshAgent,
      signal: AbortSignal.any([this.#stopping.signal, tooLarge.signal]),
      timeout: { request: timeout },
      retry: { limit: 0 },
      followRedirect: false,
      throwHttpErrors: false,
      decompress: false,
      headers: { accept: 'text/plain', 'user-agent': 'vllm-router', ...(authorization && { authorization }) },
    });
    request.on('downloadProgress', ({ transferred }) => {
      if (transferred > MAX_PAGE) tooLarge.abort();
    });
    // What the engine counts and what we count must be of one moment: it counts while it answers, and a page takes 5 ms
    // to 0.8 s under load, so the answer's arrival is nearer than the question.
    const { statusCode, body } = await request;
    const ours = target.inflight?.() ?? 0;
    if (statusCode !== 200) throw new Error(`GET ${url} answered ${statusCode}`);
    const page = parseEngineStats(body);
    if (page === undefined) throw new Error(`GET ${url} did not answer an engine's metrics`);
    const scrapedAt = this.#deps.now();
    const figures = engineFigures(body);
    if (figures !== state.figures) state.stillSince = scrapedAt;
    state.figures = figures;
    return { ...page, ours, scrapedAt, ...(figures !== undefined && { stillSince: state.stillSince }) };
  }

  #isFresh({ scrapedAt }: EngineStats): boolean {
    return this.#deps.now() - scrapedAt <= this.#config.staleAfter;
  }

  #expire(state: State): void {
    if (state.expired || state.stats === undefined || this.#isFresh(state.stats)) return;
    state.expired = true;
    this.#deps.onStats(state.target, undefined);
  }
}
