import type { Candidate, EngineLoad, PickRequest } from '../../src/algorithms/algorithm.ts';

export interface FakeCandidate extends Candidate {
  load: {
    inflight: number;
    processed: number;
    uncachedTokens: number;
    engine: EngineLoad | undefined;
    sinceScrape: number;
  };
}

/** Candidates as the router offers them: sorted by URL, which here is the order of the weights given. */
export function fleet(...weights: number[]): FakeCandidate[] {
  return weights.map((weight, index) => candidate(index, weight));
}

export function candidate(index: number, weight = 1): FakeCandidate {
  const id = `b${String(index).padStart(4, '0')}`;
  const load = { inflight: 0, processed: 0, uncachedTokens: 0, engine: undefined, sinceScrape: 0 };
  return { id, url: `http://${id}:8000`, weight, load };
}

export function request(fields: Partial<PickRequest> & { bodyFields?: Record<string, string> } = {}): PickRequest {
  const { bodyFields = {}, ...rest } = fields;
  return {
    model: 'm',
    headers: {},
    body: Buffer.alloc(0),
    bodyField: (name) => bodyFields[name],
    promptRange: () => undefined,
    ...rest,
  };
}

/** A seeded source of numbers in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How often each id occurs. */
export function tally(picks: Iterable<Candidate>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { id } of picks) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
