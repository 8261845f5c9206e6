import type { Backend, RunningAttempt } from './backend.ts';
import { type Hearing, PAUSED, type Reach } from './reach.ts';

/** ms without a byte after which a backend that takes no connections, and requests at it, count as dead. */
const SILENT = 2_000;
/** ms without a byte after which a backend with waiting requests is looked at. */
const SUSPICIOUS = 500;
/** ms that a suspect has to answer a health check. */
const PATIENCE = 1_000;
/** A suspect that answers is looked at again after twice as long, up to this; ms. */
const MAX_PAUSE = 10_000;
/** How much slower than the slowest of the others a stream may begin, and the least that counts as slow; ms. */
const SLOWER = 4;
const SLOW = 2_000;
/** So many of the others' answers make a comparison. */
const ENOUGH = 3;
/**
 * ms of connects without an answer after which nobody waits for the network to come back, where no other backend tells whether it is the
 * network. That long TCP waits, too (`openSocket`), and `timeouts.idle` for streams.
 */
const AWAY_TOO_LONG = 120_000;
/** ms between two connects. */
const BETWEEN = 250;
/** ms for which an engine that has requests does nothing, by its own figures: no step of one that works takes so long. */
const STILL = 30_000;

/** Nothing runs there any more. */
const GONE = { reason: 'it refuses connections and is silent', as: 'moved' } as const;
const LOST = { reason: 'it is silent, and has taken no connection for two minutes', as: 'unreachable' } as const;
const AWAY = { reason: 'it is silent, and cannot be reached while others can', as: 'unreachable' } as const;

export interface LivenessDeps {
  /** Monotonic ms. */
  readonly now: () => number;
  readonly connect: (backend: Backend, timeout: number) => Promise<Reach>;
  /** Resolves to what is heard of it when it is asked for its health path. */
  readonly hear: (backend: Backend, timeout: number) => Promise<Hearing>;
  /** Others that could take the model's requests now; of every model without one. */
  readonly others: (backend: Backend, model?: string) => readonly Backend[];
  /** Takes the backend out; its breaker lets single requests try it again. `unreachable`: while others can be reached, it cannot. */
  readonly eject: (backend: Backend, reason: string, unreachable: boolean) => void;
}

/**
 * Notices backends that are gone but do not say so, and moves their requests (engines.md, findings 4 and 6).
 *
 * - vLLM's SIGTERM closes the listener and leaves live requests hanging without a byte or a FIN: refused connects and silence mean dead.
 * - A machine that has vanished answers no connect, and neither does any while the network is away: only where others are reached,
 *   silence means dead.
 * - A stopped process accepts and never answers: silence while requests wait, and no answer to a health check, while another backend
 *   answers.
 * - A paused one answers health checks and begins no stream: silence for much longer than the others need for such requests.
 * - One that hangs, or is paused with no stream to show it: requests wait, and none of the figures on its metrics page moves.
 *
 * An answer that is no stream may take any time, so one that is waited for at a backend that answers health checks and does something
 * is left alone.
 */
export class Liveness {
  readonly #deps: LivenessDeps;
  readonly #unreachable = new Set<Backend>();
  readonly #suspects = new Map<Backend, { at: number; pause: number; busy: boolean }>();

  constructor(deps: LivenessDeps) {
    this.#deps = deps;
  }

  /** A connect to it has failed: begins to find out whether its running requests are dead, too. */
  unreachable(backend: Backend): void {
    if (backend.attempts.size === 0 || this.#unreachable.has(backend)) return;
    this.#unreachable.add(backend);
    void this.#confirm(backend).finally(() => this.#unreachable.delete(backend));
  }

  /** To be called several times a second for every backend. */
  look(backend: Backend): void {
    const now = this.#deps.now();
    const waiting = firstWaiting(backend);
    const silentSince = waiting && Math.max(lastByte(backend), waiting.startedAt);
    if (waiting === undefined || now - silentSince! < SUSPICIOUS) {
      this.#suspects.delete(backend);
      return;
    }
    const suspect = this.#suspects.get(backend) ?? { at: 0, pause: SUSPICIOUS, busy: false };
    this.#suspects.set(backend, suspect);
    if (this.#stuck(backend, silentSince!, now)) {
      this.#move(backend, silentSince!, 'it begins no stream while others do');
      return;
    }
    if (this.#still(backend, waiting)) {
      this.#move(backend, silentSince!, 'it has requests, and none of its own figures moves');
      return;
    }
    if (suspect.busy || now < suspect.at) return;
    const others = this.#deps.others(backend, waiting.model);
    if (others.length === 0) return;
    suspect.busy = true;
    suspect.at = now + suspect.pause;
    suspect.pause = Math.min(suspect.pause * 2, MAX_PAUSE);
    void this.#examine(backend, others, silentSince!).finally(() => {
      suspect.busy = false;
    });
  }

  /**
   * Connects until somebody answers or nothing runs there any more; after a while what is silent is given up. A connect that nobody
   * answers counts only if another was reached before it began: reached during it, the network may have come back in between.
   */
  async #confirm(backend: Backend): Promise<void> {
    const { now, connect, others } = this.#deps;
    const since = now();
    let network = false;
    let away = 0;
    for (let asked = since; backend.attempts.size > 0; asked = now()) {
      const reach = await connect(backend, PATIENCE);
      if (reach === 'accepted') return;
      const gone = isGone(reach, network, away);
      if (gone !== undefined && now() - since >= SILENT) {
        this.#move(backend, now() - SILENT, gone.reason, gone.as, false);
      }
      network = reach === 'silence' && (await this.#reached(others(backend))).includes(true);
      await new Promise((resolve) => setTimeout(resolve, BETWEEN).unref());
      // A pause of this process is nobody's silence.
      away = reach === 'silence' ? away + Math.min(now() - asked, 2 * PATIENCE + BETWEEN) : 0;
    }
  }

  /** Which of some of them answer, or send something meanwhile. Those heard of last: a whole zone, which stand together, may be away. */
  #reached(others: readonly Backend[]): Promise<boolean[]> {
    const { hear, now } = this.#deps;
    const started = now();
    const asked = others.toSorted((a, b) => b.lastByteAt - a.lastByteAt).slice(0, 3);
    return Promise.all(
      asked.map(async (other) => (await hear(other, PATIENCE)) === 'answer' || lastByte(other) >= started),
    );
  }

  async #examine(backend: Backend, others: readonly Backend[], silentSince: number): Promise<void> {
    const started = this.#deps.now();
    // If no other answers either, it is the network, or this process itself was held up.
    const [heard, comparison] = await Promise.all([this.#deps.hear(backend, PATIENCE), this.#reached(others)]);
    if (heard === 'answer' || heard === 'unasked' || this.#deps.now() - started > PATIENCE + PAUSED) return;
    if (!comparison.includes(true) || lastByte(backend) > silentSince) return;
    const connecting = [...backend.attempts].some((attempt) => attempt.connecting && attempt.startedAt <= started);
    const unreachable = heard === 'unreachable';
    const accepts = connecting || unreachable ? 'no connection' : 'requests';
    const reason = `it accepts ${accepts} and answers nothing, not even a health check`;
    this.#move(backend, silentSince, reason, unreachable ? 'unreachable' : 'moved');
  }

  #stuck(backend: Backend, silentSince: number, now: number): boolean {
    for (const attempt of backend.attempts) {
      if (!attempt.awaitsFirstByte || !attempt.stream || attempt.startedAt < silentSince) continue;
      let count = 0;
      let slowest = 0;
      for (const other of this.#deps.others(backend, attempt.model)) {
        const pace = other.paces.since(attempt.startedAt, attempt);
        count += pace.count;
        slowest = Math.max(slowest, pace.slowest);
      }
      // The oldest says it: younger ones have waited for less.
      return count >= ENOUGH && now - attempt.startedAt > Math.max(SLOW, SLOWER * slowest);
    }
    return false;
  }

  #still(backend: Backend, waiting: RunningAttempt): boolean {
    const { still } = backend;
    if (still === undefined || still.until - Math.max(still.since, waiting.startedAt) < STILL) return false;
    return this.#deps.others(backend, waiting.model).length > 0;
  }

  /** Gives up what has been silent since then; `waitingOnly`: streams that have begun are left to their own time-out. */
  #move(
    backend: Backend,
    silentSince: number,
    reason: string,
    as: 'moved' | 'unreachable' = 'moved',
    waitingOnly = true,
  ): void {
    this.#suspects.delete(backend);
    const silent = [...backend.attempts].filter((attempt) => {
      if (waitingOnly) return attempt.awaitsFirstByte;
      return Math.max(attempt.startedAt, attempt.lastByteAt) <= silentSince;
    });
    if (silent.length === 0) return;
    this.#deps.eject(backend, reason, as === 'unreachable');
    // What it has not had, it cannot have died of.
    for (const attempt of silent) attempt.fail(attempt.connecting ? 'connect_timeout' : as);
  }
}

/** The oldest: attempts stand in the order of their start. */
function firstWaiting(backend: Backend): RunningAttempt | undefined {
  for (const attempt of backend.attempts) if (attempt.awaitsFirstByte) return attempt;
  return undefined;
}

/** What a connect says of a backend that is silent. `network`: others were reached before it; `away`: ms of such silence before it. */
function isGone(reach: Reach, network: boolean, away: number): typeof GONE | typeof LOST | typeof AWAY | undefined {
  if (reach === 'refused') return GONE;
  if (reach !== 'silence') return undefined;
  if (network) return AWAY;
  return away > AWAY_TOO_LONG ? LOST : undefined;
}

function lastByte(backend: Backend): number {
  let last = backend.lastByteAt;
  for (const attempt of backend.attempts) {
    if (!attempt.awaitsFirstByte && attempt.lastByteAt > last) last = attempt.lastByteAt;
  }
  return last;
}
