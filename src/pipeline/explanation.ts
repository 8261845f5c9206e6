import type { Candidate, Opinion, PickRequest } from '../algorithms/algorithm.ts';
import type { ClientResponse } from '../proxy/client/client-exchange.ts';
import type { Role, Route } from './route.ts';

const HEADER = 'x-router-decision';
/** Candidates that are told of, the best ones. */
const MOST_CANDIDATES = 16;
/** Proxies and clients take 4 to 8 KiB of headers in all. */
const MOST_BYTES = 3_072;

interface Told {
  readonly backend: string;
  readonly score?: number;
  readonly matched?: number;
}

/** Without undefined members; `of`: how many candidates there were, where not all are told. */
interface Decision {
  readonly route: string;
  readonly algorithm: string;
  readonly backend?: string | undefined;
  readonly matched?: number | undefined;
  readonly attempts: number;
  readonly tried?: readonly string[] | undefined;
  readonly candidates: readonly Told[];
  readonly of?: number | undefined;
  readonly prefill?: Decision | undefined;
}

/**
 * Why a request went where it went: for clients that want to know (`x-router-explain: 1`), at listeners that let them (`allowExplain`).
 * The answer carries it in `x-router-decision`, as of its last attempt.
 */
export class Explanation {
  readonly #response: ClientResponse;
  readonly #tried: { readonly url: string; readonly role: Role | undefined }[] = [];
  #candidates: readonly Told[] = [];
  #prefill: Decision | undefined;
  #attempts = 0;

  constructor(response: ClientResponse) {
    this.#response = response;
  }

  /** Before the route's algorithm picks, with the same arguments. */
  consider(
    { algorithm }: Route,
    candidates: readonly Candidate[],
    request: PickRequest,
    full: readonly Candidate[],
  ): void {
    const opinions = algorithm.explain?.(candidates, request, full) ?? [];
    this.#candidates = candidates.map(({ url }, at) => told(url, opinions[at]));
  }

  /** An attempt at the backend begins. */
  sent(route: Route, { url }: Candidate): void {
    this.#attempts++;
    const { role, config } = route;
    const tried = this.#tried.filter((one) => one.role === role).map((one) => one.url);
    const own = this.#candidates.find(({ backend }) => backend === url);
    const decision: Decision = {
      route: role === undefined ? config.name : config.name.slice(0, -role.length - 1),
      algorithm: config.algorithm.type,
      backend: url,
      matched: own?.matched,
      attempts: this.#attempts,
      tried: tried.length === 0 ? undefined : tried,
      candidates: this.#candidates,
      prefill: role === 'decode' ? this.#prefill : undefined,
    };
    this.#tried.push({ url, role });
    if (role === 'prefill') this.#prefill = decision;
    this.#response.setHeader(HEADER, headerValue(decision));
  }
}

function told(backend: string, { score, matched }: Opinion = {}): Told {
  return {
    backend,
    ...(score !== undefined && { score: Math.round(score * 100) / 100 }),
    ...(matched !== undefined && { matched: Math.round(matched * 1_000) / 1_000 }),
  };
}

/** As much of it as fits a header, in ASCII. */
function headerValue(decision: Decision): string {
  for (let most = MOST_CANDIDATES; ; most = Math.floor(most / 2)) {
    const text = JSON.stringify(shortened(decision, most));
    if (text.length > MOST_BYTES && most > 0) continue;
    return text.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  }
}

function shortened(decision: Decision, most: number): Decision {
  const { candidates, prefill } = decision;
  const best = candidates.toSorted((a, b) => (a.score ?? 0) - (b.score ?? 0)).slice(0, most);
  return {
    ...decision,
    candidates: best,
    of: best.length < candidates.length ? candidates.length : undefined,
    prefill: prefill && shortened(prefill, most),
  };
}
