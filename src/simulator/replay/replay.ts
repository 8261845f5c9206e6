import type { Algorithm, Candidate, EngineLoad } from '../../algorithms/algorithm.ts';
import { Engine, type EngineModel, type Sequence } from './engine.ts';
import { type Arrival, PromptText, SimRequest } from './sim-request.ts';
import { TimeHeap } from './time-heap.ts';

/** The fleet and what happens to it. Times in ms. */
export interface ReplayOptions {
  readonly engines: number;
  readonly model: EngineModel;
  readonly blockTokens: number;
  /** How often the router reads the engines' own figures; 0 = never. */
  readonly scrapeInterval: number;
  /** Whether answers carry `usage` with `cached_tokens`. */
  readonly usage: boolean;
  /** Whether the engines' metrics tell the size of their KV memory. */
  readonly cacheInfo: boolean;
  /** Otherwise the router sees an answer's first byte when it is whole. */
  readonly streamed: boolean;
  /** Engines that join or leave; a leaving engine's requests are sent again. */
  readonly changes?: readonly FleetChange[];
}

export interface FleetChange {
  readonly at: number;
  readonly type: 'add' | 'remove';
}

/** What became of one request; times in ms, NaN when it never happened. */
export interface Outcome {
  readonly at: number;
  ttft: number;
  endToEnd: number;
  promptTokens: number;
  cachedTokens: number;
  /** Position of the engine that answered. */
  engine: number;
}

export interface ReplayResult {
  readonly outcomes: readonly Outcome[];
  readonly engines: readonly EngineResult[];
  /** ms from the first arrival to the last answer. */
  readonly span: number;
}

export interface EngineResult {
  readonly requests: number;
  readonly computedTokens: number;
  readonly cachedTokens: number;
  /** ms */
  readonly busy: number;
}

/** The router's load table and the engine behind it. */
class SimBackend implements Candidate {
  readonly id: string;
  readonly url: string;
  readonly weight = 1;
  readonly position: number;
  readonly engine: Engine;
  readonly load = {
    inflight: 0,
    processed: 0,
    uncachedTokens: 0,
    engine: undefined as EngineLoad | undefined,
    sinceScrape: 0,
  };
  stepEvent = Number.POSITIVE_INFINITY;

  constructor(position: number, engine: Engine) {
    this.position = position;
    this.engine = engine;
    this.id = `engine-${position}`;
    this.url = `http://engine-${String(position).padStart(4, '0')}:8000`;
  }
}

interface Flight {
  readonly request: SimRequest;
  backend: SimBackend;
  uncachedTokens: number;
  firstByte: boolean;
}

type Event = { readonly backend: SimBackend; readonly ends: number } | { readonly change: FleetChange } | 'scrape';

/** Runs the arrivals through the algorithm and the engines on a virtual clock; `clock.now` is what the algorithm reads. */
export function replay(
  arrivals: readonly Arrival[],
  makeAlgorithm: (now: () => number) => Algorithm,
  options: ReplayOptions,
): ReplayResult {
  const run = new Run(arrivals, makeAlgorithm, options);
  return run.toEnd();
}

class Run {
  readonly #options: ReplayOptions;
  readonly #arrivals: readonly Arrival[];
  readonly #algorithm: Algorithm;
  readonly #text = new PromptText();
  readonly #outcomes: Outcome[];
  readonly #flights = new Map<number, Flight>();
  readonly #all: SimBackend[] = [];
  #candidates: readonly SimBackend[] = [];
  readonly #events = new TimeHeap<Event>();
  #now = 0;
  #unfinished: number;

  constructor(arrivals: readonly Arrival[], makeAlgorithm: (now: () => number) => Algorithm, options: ReplayOptions) {
    this.#options = options;
    this.#arrivals = arrivals;
    this.#unfinished = arrivals.length;
    this.#algorithm = makeAlgorithm(() => this.#now);
    this.#outcomes = arrivals.map(({ at, promptTokens }) => ({
      at,
      ttft: Number.NaN,
      endToEnd: Number.NaN,
      promptTokens,
      cachedTokens: 0,
      engine: -1,
    }));
    for (let count = 0; count < options.engines; count++) this.#addBackend();
    for (const change of options.changes ?? []) this.#events.push(change.at, { change });
    if (options.scrapeInterval > 0) this.#events.push(0, 'scrape');
  }

  toEnd(): ReplayResult {
    let next = 0;
    while (this.#unfinished > 0) {
      const arrivalAt = this.#arrivals[next]?.at ?? Number.POSITIVE_INFINITY;
      if (arrivalAt <= this.#events.nextTime) {
        this.#now = arrivalAt;
        const index = next++;
        this.#send(new SimRequest(this.#arrivals[index]!, index, this.#options.blockTokens, this.#text));
      } else {
        this.#now = this.#events.nextTime;
        this.#handle(this.#events.pop());
      }
    }
    return {
      outcomes: this.#outcomes,
      engines: this.#all.map(({ engine, load }) => ({
        requests: load.processed,
        computedTokens: engine.computedTokens,
        cachedTokens: engine.cachedTokens,
        busy: engine.busy,
      })),
      span: this.#now - (this.#arrivals[0]?.at ?? 0),
    };
  }

  #handle(event: Event): void {
    if (event === 'scrape') {
      for (const { engine, load } of this.#candidates) {
        const { running, waiting } = engine;
        const cacheTokens = this.#options.cacheInfo ? { cacheTokens: engine.model.cacheTokens } : {};
        load.engine = { running, waiting, kvUsage: engine.cache.usage, ours: load.inflight, ...cacheTokens };
        load.sinceScrape = 0;
      }
      this.#events.push(this.#now + this.#options.scrapeInterval, 'scrape');
    } else if ('change' in event) {
      if (event.change.type === 'add') this.#addBackend();
      else this.#removeBackend();
    } else if (event.backend.stepEvent === event.ends) {
      event.backend.engine.endStep(this.#now);
      this.#schedule(event.backend);
    }
  }

  #schedule(backend: SimBackend): void {
    const { stepEnds } = backend.engine;
    if (stepEnds === backend.stepEvent) return;
    backend.stepEvent = stepEnds;
    if (stepEnds !== Number.POSITIVE_INFINITY) this.#events.push(stepEnds, { backend, ends: stepEnds });
  }

  #send(request: SimRequest): void {
    const candidate = this.#algorithm.pick(this.#candidates, request);
    if (candidate === undefined) throw new Error('the algorithm picked nothing');
    const backend = candidate as SimBackend;
    const { load } = backend;
    const uncachedTokens = this.#algorithm.uncachedTokens?.(candidate, request) ?? 0;
    load.inflight++;
    load.processed++;
    load.sinceScrape++;
    load.uncachedTokens += uncachedTokens;
    this.#flights.set(request.index, { request, backend, uncachedTokens, firstByte: false });
    this.#algorithm.observe?.({ type: 'dispatched', request, candidate });
    backend.engine.submit(request.index, request.arrival, this.#now);
    this.#schedule(backend);
  }

  #firstToken(sequence: Sequence): void {
    const outcome = this.#outcomes[sequence.index]!;
    const flight = this.#flights.get(sequence.index)!;
    outcome.ttft = this.#now - outcome.at;
    outcome.cachedTokens = sequence.cachedTokens;
    outcome.engine = flight.backend.position;
    if (this.#options.streamed) this.#firstByte(flight);
  }

  #firstByte(flight: Flight): void {
    const { request, backend } = flight;
    flight.firstByte = true;
    backend.load.uncachedTokens -= flight.uncachedTokens;
    this.#algorithm.observe?.({ type: 'first-byte', request, candidate: backend });
  }

  #finished(sequence: Sequence): void {
    const flight = this.#flights.get(sequence.index)!;
    const { request, backend } = flight;
    const outcome = this.#outcomes[sequence.index]!;
    if (!flight.firstByte) this.#firstByte(flight);
    this.#flights.delete(sequence.index);
    backend.load.inflight--;
    outcome.endToEnd = this.#now - outcome.at;
    this.#unfinished--;
    if (this.#options.usage) {
      const { promptTokens } = sequence.arrival;
      const { cachedTokens } = sequence;
      this.#algorithm.observe?.({ type: 'usage', request, candidate: backend, promptTokens, cachedTokens });
    }
    this.#algorithm.observe?.({ type: 'finished', request, candidate: backend, ok: true, beforeFirstByte: false });
  }

  #refused(sequence: Sequence): void {
    const flight = this.#flights.get(sequence.index)!;
    const { request, backend } = flight;
    this.#flights.delete(sequence.index);
    backend.load.inflight--;
    backend.load.uncachedTokens -= flight.uncachedTokens;
    this.#unfinished--;
    this.#algorithm.observe?.({ type: 'finished', request, candidate: backend, ok: false, beforeFirstByte: true });
  }

  #addBackend(): void {
    const listener = {
      firstToken: (sequence: Sequence) => this.#firstToken(sequence),
      finished: (sequence: Sequence) => this.#finished(sequence),
      refused: (sequence: Sequence) => this.#refused(sequence),
    };
    const engine = new Engine(this.#options.model, this.#options.blockTokens, listener);
    const backend = new SimBackend(this.#all.length, engine);
    this.#all.push(backend);
    this.#candidates = [...this.#candidates, backend];
  }

  /** The last engine dies: its requests are sent again, those past their first token too (only the figures matter here). */
  #removeBackend(): void {
    const backend = this.#candidates.at(-1);
    if (backend === undefined || this.#candidates.length === 1) return;
    this.#candidates = this.#candidates.slice(0, -1);
    backend.stepEvent = Number.POSITIVE_INFINITY;
    const lost = backend.engine.kill();
    this.#algorithm.observe?.({ type: 'removed', id: backend.id });
    for (const { index } of lost) {
      const { request, firstByte } = this.#flights.get(index)!;
      this.#algorithm.observe?.({
        type: 'finished',
        request,
        candidate: backend,
        ok: false,
        beforeFirstByte: !firstByte,
      });
      this.#send(request);
    }
  }
}
