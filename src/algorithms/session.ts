import type { SessionConfig } from '../config/config.ts';
import type { Algorithm, AlgorithmEvent, Candidate, Opinion, PickRequest } from './algorithm.ts';
import { Ring, ringPoints } from './ring.ts';
import { sessionKeyReader } from './session-key.ts';

/** Attempts per weight above the least loaded below which nobody is skipped: a bound on three requests means nothing. */
const BOUND_GAP = 4;

interface Member {
  readonly url: string;
  readonly weight: number;
  readonly points: Uint32Array;
}

/** What one candidate array is on the ring it was made for. */
interface View {
  readonly ring: Ring;
  /** By the member's number on the ring: 1 if it is in the array, and the candidate that it is. */
  readonly allowed: Uint8Array;
  readonly candidates: readonly (Candidate | undefined)[];
  /** The member's number, by the candidate's position in the array. */
  readonly members: Uint32Array;
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
    const view = this.#narrowed(candidates, full);
    const home = view.candidates[view.ring.find(key, view.allowed)];
    if (this.#bounded === 0 || home === undefined || home.load.inflight <= BOUND_GAP * home.weight) return home;
    return this.#within(view, candidates, key, home);
  }

  /** 0 for the one that has the session, 1 for the others. */
  explain(candidates: readonly Candidate[], request: PickRequest, full = candidates): readonly Opinion[] {
    if (this.#key(request) === undefined) return this.#otherwise.explain?.(candidates, request, full) ?? [];
    const home = this.pick(candidates, request, full);
    return candidates.map((candidate) => ({ score: candidate === home ? 0 : 1 }));
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
    const isFull = ({ load, weight }: Candidate) =>
      load.inflight + 1 > Math.ceil(bound * weight) && load.inflight / weight > least + BOUND_GAP;
    if (!isFull(home)) return home;
    const allowed = view.allowed.slice();
    for (const [member, candidate] of view.candidates.entries()) {
      if (candidate !== undefined && isFull(candidate)) allowed[member] = 0;
    }
    return view.candidates[view.ring.find(key, allowed)] ?? home;
  }

  /** A retry's candidates are the first attempt's less some: the same view with those closed, and nothing looked up. */
  #narrowed(candidates: readonly Candidate[], full: readonly Candidate[]): View {
    const view = this.#view(full);
    if (candidates === full) return view;
    const allowed = view.allowed.slice();
    let kept = 0;
    for (let position = 0; position < full.length; position++) {
      if (full[position] === candidates[kept]) kept++;
      else allowed[view.members[position]!] = 0;
    }
    return kept === candidates.length ? { ...view, allowed } : this.#view(candidates);
  }

  #view(candidates: readonly Candidate[]): View {
    const cached = this.#views.get(candidates);
    if (cached !== undefined && cached.ring === this.#ring) return cached;
    for (const candidate of candidates) this.#admit(candidate);
    this.#ring ??= new Ring([...this.#members.values()].map(({ points }) => points));
    const numbers = new Map([...this.#members.keys()].map((id, number) => [id, number]));
    const members = Uint32Array.from(candidates, ({ id }) => numbers.get(id)!);
    const allowed = new Uint8Array(numbers.size);
    const byMember = new Array<Candidate | undefined>(numbers.size).fill(undefined);
    for (const [position, candidate] of candidates.entries()) {
      allowed[members[position]!] = 1;
      byMember[members[position]!] = candidate;
    }
    const view = { ring: this.#ring, allowed, candidates: byMember, members };
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
