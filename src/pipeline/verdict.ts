import type { AttemptResult, FailureReason, HeldAnswer } from '../proxy/attempt-result.ts';

/** What is to happen after an attempt. */
export type Verdict =
  /** Its result is the client's. */
  | 'final'
  /** Another backend, at no cost: this one has done no work for the request. */
  | 'free'
  /** Another backend, as one of the request's few attempts; no share of anybody's budget, since it costs this one little. */
  | 'attempt'
  /** Another backend, if attempts and budget allow: work was lost here, and is done again there. */
  | 'budget'
  /** Too many backends have died of it. */
  | 'poison';

/** Two backends that died with the same request are enough (vLLM 0.32: one transcription ended the process). */
const MAX_DEATHS = 2;

const FAILED: Readonly<Record<FailureReason, Verdict>> = {
  connect_failed: 'free',
  connect_timeout: 'free',
  // Another may have an idle connection, which needs no new socket; to try a thousand of them would be work at the worst time.
  no_socket: 'attempt',
  disconnected: 'budget',
  truncated: 'budget',
  moved: 'budget',
  // It may have begun the work, but nobody has to do it at its side; no engine has died of the request, as processes end their connections.
  unreachable: 'attempt',
  idle_timeout: 'budget',
  first_byte_timeout: 'budget',
  incomplete_stream: 'budget',
  // Whoever answers like that may have done the work, and will do so again (HAProxy gives up here too).
  bad_response: 'final',
  total_timeout: 'final',
  shutdown: 'final',
};

/** Ends that look like a backend's death with the request in its hands. */
const DEATHS = new Set<FailureReason>(['disconnected', 'truncated', 'moved']);

/** Judges the attempts of one request. Pure but for its counts. */
export class Judge {
  readonly #statuses: readonly number[];
  /** Backends that died, or came near it, with this request in their hands. */
  #deaths = 0;
  #tooMany = 0;

  constructor(retriedStatuses: readonly number[]) {
    this.#statuses = retriedStatuses;
  }

  /** `ownKey`: the backend was sent a key of the router's. */
  verdict(result: AttemptResult, ownKey: boolean): Verdict {
    switch (result.type) {
      case 'answered':
        return this.#answered(result.answer, ownKey);
      case 'failed':
        if (!DEATHS.has(result.reason)) return FAILED[result.reason];
        // A dead backend's requests are moved without asking the budget: each once, so that they are at most doubled.
        if (++this.#deaths >= MAX_DEATHS) return 'poison';
        return 'attempt';
      default:
        return 'final';
    }
  }

  #answered(answer: HeldAnswer, ownKey: boolean): Verdict {
    const { status } = answer;
    if (isDraining(answer)) return 'free';
    if (status === 500) {
      // A dying engine, or a request that kills engines: one more chance.
      return ++this.#deaths >= MAX_DEATHS ? 'final' : 'budget';
    }
    if (status === 429) return ++this.#tooMany === 1 ? 'attempt' : 'final';
    if (isAdmission(answer)) return 'attempt';
    if ((status === 401 || status === 403) && ownKey) return 'free';
    if (status === 404 && lacksModel(answer)) return 'free';
    return status > 500 && this.#statuses.includes(status) ? 'budget' : 'final';
  }
}

/** An engine at its limit says so at once, and is well. */
export function isAdmission({ status, body }: HeldAnswer): boolean {
  return status === 503 && body.includes('"Service Unavailable"');
}

const DRAINING = '"cannot schedule new futures after shutdown"';

/**
 * vLLM with `--shutdown-timeout` refuses every new request like this while its health is green. All requests of such a time meet it at
 * once: charged to the retry budget, 5 of 20 were refused (seen with two engines of vLLM 0.32).
 */
export function isDraining({ status, body }: HeldAnswer): boolean {
  return status === 500 && body.includes(DRAINING);
}

/** An engine of another kind, or one that has just lost the model: another may well have it. */
export function lacksModel(answer: HeldAnswer): boolean {
  return isWrongKind(answer) || answer.body.includes('"NotFoundError"');
}

/** A path that the engine does not have is answered without an `error` object. */
export function isWrongKind({ status, body }: HeldAnswer): boolean {
  return status === 404 && !body.includes('"error"');
}
