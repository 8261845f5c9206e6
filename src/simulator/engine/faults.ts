/** Where in an answer something happens: before its head, after its head, or after that many events (half a body, if plain). */
export type FaultPoint = 'request' | 'headers' | number;

export const MALFORMED = [
  'garbage',
  'bad-status-line',
  'bad-chunk-size',
  'cl-te',
  'two-lengths',
  'short-length',
  'huge-headers',
  'bare-lf',
  'folded-header',
  'switching-protocols',
  'early-hints',
  'idle-bytes',
] as const;

export type Malformed = (typeof MALFORMED)[number];

/** What goes wrong with one request. */
export type RequestFault =
  /** The connection ends: `rst`, or `fin` without a last chunk. */
  | { readonly kind: 'cut'; readonly at: FaultPoint; readonly how: 'rst' | 'fin' }
  /** Not a byte more, the connection stays open. */
  | { readonly kind: 'silence'; readonly at: FaultPoint }
  /** That many ms before it goes on. */
  | { readonly kind: 'slow'; readonly at: 'request' | 'headers'; readonly ms: number }
  /** vLLM's polite end: an error event of code 500, `[DONE]`, a last chunk, FIN. */
  | { readonly kind: 'crash'; readonly at: FaultPoint }
  /** A clean end of the body without `[DONE]`; `at` absent: after the last event. */
  | { readonly kind: 'no-done'; readonly at?: number }
  /** `finish_reason: "abort"` after `at` tokens, then `[DONE]`. */
  | { readonly kind: 'abort'; readonly at: number }
  /** 200 and an error as the first event; a plain request gets the status itself. */
  | { readonly kind: 'error-event'; readonly status: 500 | 503 }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly retryAfter?: string;
      readonly body?: string;
      readonly contentType?: string;
    }
  | { readonly kind: 'malformed'; readonly how: Malformed }
  /** A poison request: the engine's core dies of it, and every other request with it. */
  | { readonly kind: 'poison' };

/** What goes wrong with the whole engine, until it is cleared or `ms` are over. */
export type EngineFault =
  /** The listener is closed: connections are refused; requests on open ones live on. */
  | { readonly kind: 'refuse'; readonly ms?: number }
  /** Connections are accepted, nothing at all is answered (SIGSTOP). */
  | { readonly kind: 'freeze'; readonly ms?: number }
  /** `/pause`: healthy, streams get headers and then nothing. */
  | { readonly kind: 'pause'; readonly ms?: number }
  /** `--shutdown-timeout`: old requests run on, new ones get a 500, health stays 200. */
  | { readonly kind: 'drain'; readonly ms?: number }
  /** vLLM's default SIGTERM: listener closed, live requests hang without a byte. */
  | { readonly kind: 'terminate'; readonly ms?: number };

export interface FaultScope {
  /** `*` for every path, an exact path, or a prefix ending in `*`; absent: every inference path. */
  readonly path?: string;
  /** Only requests whose body contains this text. */
  readonly match?: string;
  /** After that many requests the fault is over. */
  readonly count?: number;
  /** Share of the requests that it hits, seeded. */
  readonly probability?: number;
  /** Before the request's body is read. */
  readonly early?: boolean;
}

export type Fault = (RequestFault & FaultScope) | EngineFault;

const ENGINE_KINDS = new Set(['refuse', 'freeze', 'pause', 'drain', 'terminate']);

export function isEngineFault(fault: Fault): fault is EngineFault {
  return ENGINE_KINDS.has(fault.kind);
}

interface Active {
  readonly fault: RequestFault & FaultScope;
  left: number;
}

/** The faults that are switched on. Of several that fit a request, the first wins. */
export class Faults {
  private readonly random: () => number;
  private readonly onEngineFault: (fault: EngineFault | undefined) => void;
  private active: Active[] = [];
  /** Requests hit so far. */
  hits = 0;

  constructor(random: () => number, onEngineFault: (fault: EngineFault | undefined) => void) {
    this.random = random;
    this.onEngineFault = onEngineFault;
  }

  get current(): readonly Fault[] {
    return this.active.map(({ fault }) => fault);
  }

  /** Replaces what was switched on. */
  set(...faults: readonly Fault[]): void {
    this.clear();
    this.add(...faults);
  }

  add(...faults: readonly Fault[]): void {
    for (const fault of faults) {
      if (isEngineFault(fault)) this.onEngineFault(fault);
      else this.active.push({ fault, left: fault.count ?? Number.POSITIVE_INFINITY });
    }
  }

  /** Back to a sound engine. */
  clear(): void {
    this.active = [];
    this.onEngineFault(undefined);
  }

  /** The fault of this request, if any; it counts as used. `body` absent: only those that do not wait for it. */
  take(path: string, inference: boolean, body?: Buffer): RequestFault | undefined {
    if (this.active.length === 0) return undefined;
    for (const entry of this.active) {
      const { fault } = entry;
      if ((fault.early === true) !== (body === undefined)) continue;
      if (!reaches(fault.path, path, inference)) continue;
      if (fault.match !== undefined && !body?.includes(fault.match)) continue;
      if (fault.probability !== undefined && this.random() >= fault.probability) continue;
      entry.left--;
      if (entry.left <= 0) this.active = this.active.filter((other) => other !== entry);
      this.hits++;
      return fault;
    }
    return undefined;
  }
}

function reaches(scope: string | undefined, path: string, inference: boolean): boolean {
  if (scope === undefined) return inference;
  return scope.endsWith('*') ? path.startsWith(scope.slice(0, -1)) : path === scope;
}

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
