import type { Backend } from '../backends/backend.ts';
import type { RouterError } from '../errors.ts';
import type { AttemptResult } from '../proxy/attempt-result.ts';
import type { Role, Route } from './route.ts';

/**
 * A request's way to one answer: the client's, or one that is needed before that. It keeps what its attempts have come to, over all
 * routes that are tried.
 */
export class Leg {
  /** The answer goes to the client; otherwise it is kept whole. */
  readonly toClient: boolean;
  /** What is sent. */
  body: Buffer;
  /** Another backend has computed the prompt. */
  prefilled = false;
  readonly tried: Backend[] = [];
  /** What the first attempt could choose from; retries leave out the tried ones. */
  firstCandidates: readonly Backend[] | undefined;
  /** Further attempts that had a price. */
  repeats = 0;
  last: AttemptResult | undefined;
  /** Who made `last`. */
  lastBackend: Backend | undefined;
  /** Whose turn it was last, where the route has roles. */
  role: Role | undefined;
  /** Why no attempt was made at all. */
  refused: RouterError | undefined;

  constructor(toClient: boolean, body: Buffer) {
    this.toClient = toClient;
    this.body = body;
  }

  /** No attempt follows, or none before it has another. */
  dropBody(): void {
    this.body = EMPTY;
  }

  /** Another answer is wanted; what has been tried in vain stays so. */
  restart(): void {
    this.last = undefined;
  }

  /** Ends this leg as the one it needed has ended. */
  endAs(other: Leg): void {
    if (other.last !== undefined) {
      this.last = other.last;
      this.lastBackend = other.lastBackend;
    }
    this.refused = other.refused;
    this.role = other.role;
  }
}

const EMPTY = Buffer.alloc(0);

/** What a leg needs before its next attempt: `ready`, or how it ended without; `over` as below. */
export type Prepare = () => Promise<'ready' | 'over' | 'unready'>;

/** Makes a leg's attempts at the backends of one route. True when the result is final, false when another route may try. */
export type TryBackends = (route: Route, leg: Leg, prepare?: Prepare) => Promise<boolean>;
