import type { SessionConfig } from '../config/config.ts';
import type { Algorithm, AlgorithmEvent, Candidate, PickRequest } from './algorithm.ts';
import { Ring, ringPoints } from './ring.ts';
import { sessionKeyReader } from './session-key.ts';

/** Attempts per weight above the least loaded below which nobody is skipped: a bound on three requests means nothing. */
const BOUND_GAP = 4;

interface Member {
  readonly url: string;
  readonly weight: number;
  readonly points: Uint32Array;
}

/** The members that one candidate array holds, by their number on the ring it was made for. */
interface View {
  readonly ring: Ring;
  readonly allowed: Uint8Array;
  readonly candidates: readonly (Candidate | undefined)[];
}

/**
 * Requests of one session go to one backend, by consistent hashing on the original router's ring. The ring holds every
 * backend ever offered and not yet removed, and candidates only filter it at look-up: taking a backend's points away or
 * walking past them is the same, so keys come home after it recovers and nothing is rebuilt when health changes.
 */
export class Session implements Algorithm {
  readonly #bounded: number;
  readonly #key: (request: PickRequest) => string | undefined;
  readonly #otherwise: Algorithm;
  readonly #members = new Map<string, Member>();
  readonly #views = new WeakMap<readonly Candidate[], View>();
  #ring: Ring | undefined;

  constructor(config: SessionConfig, otherwise: Algorithm) {
    this.#bounded = config.bounded;
    this.#key = sessionKeyReader(config);
    this.#otherwise = otherwise;
  }

  pick(candidates: readonly Candidate[], request: PickRequest, full = candidates): Candidate | undefined {
    const key = this.#key(request);
    if (key === undefined) return this.#otherwise.pick(candidates, request, full);
    const view = this.#view(candidates);
    const home = view.candidates[view.ring.find(key, view.allowed)];
    if (this.#bounded === 0 || home === undefined || home.load.inflight <= BOUND_GAP * home.weight) return home;
    return this.#within(view, candidates, key, home);
  }

  uncachedTokens(candidate: Candidate, request: PickRequest): number {
    return this.#otherwise.uncachedTokens?.(candidate, request) ?? 0;
  }

  observe(event: AlgorithmEvent): void {
    if (event.type === 'removed') {
      if (this.#members.delete(event.id)) this.#ring = undefined;
    } else if (this.#otherwise.observe === undefined || this.#key(event.request) !== undefined) {
      return;
    }
    this.#otherwise.observe?.(event);
  }

  /** Consistent hashing with bounded loads: the next on the ring whose share of the requests now open is not too large. */
  #within(view: View, candidates: readonly Candidate[], key: string, home: Candidate): Candidate {
    let inflight = 1;
    let weights = 0;
    let least = Number.POSITIVE_INFINITY;
    for (const { load, weight } of candidates) {
      inflight += load.inflight;
      weights += weight;
      least = Math.min(least, load.inflight / weight);
    }
    const bound = (this.#bounded * inflight) / weights;
    const allowed = view.allowed.map((is, member) => {
      const candidate = view.candidates[member];
      if (is === 0 || candidate === undefined) return 0;
      const { load, weight } = candidate;
      const full = load.inflight + 1 > Math.ceil(bound * weight) && load.inflight / weight > least + BOUND_GAP;
      return full ? 0 : 1;
    });
    return view.candidates[view.ring.find(key, allowed)] ?? home;
  }

  #view(candidates: readonly Candidate[]): View {
    const cached = this.#views.get(candidates);
    if (cached !== undefined && cached.ring === this.#ring) return cached;
    for (const candidate of candidates) this.#admit(candidate);
    this.#ring ??= new Ring([...this.#members.values()].map(({ points }) => points));
    const mine = new Map(candidates.map((candidate) => [candidate.id, candidate]));
    const byMember = [...this.#members.keys()].map((id) => mine.get(id));
    const allowed = Uint8Array.from(byMember, (candidate) => (candidate === undefined ? 0 : 1));
    const view = { ring: this.#ring, allowed, candidates: byMember };
    this.#views.set(candidates, view);
    return view;
  }

  #admit(candidate: Candidate): void {
    const { id, url, weight } = candidate;
    const known = this.#members.get(id);
    if (known !== undefined && known.url === url && known.weight === weight) return;
    this.#members.set(id, { url, weight, points: ringPoints(url, weight) });
    this.#ring = undefined;
  }
}
