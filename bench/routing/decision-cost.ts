import type { Candidate, PickRequest } from '../../src/algorithms/algorithm.ts';
import { LeastLoad } from '../../src/algorithms/least-load.ts';
import { PrefixAware } from '../../src/algorithms/prefix-aware/prefix-aware.ts';
import { PrefixIndex } from '../../src/algorithms/prefix-aware/prefix-index.ts';
import { LoadTable, type SlotLoad } from '../../src/backends/load-table.ts';
import { seededRandom } from '../../src/simulator/replay/random.ts';

/** One way to ask for a decision. */
export interface CostCase {
  readonly name: string;
  readonly backends: number;
  readonly promptBytes: number;
  /** Requests agree in so much of their prompt, in groups of one in `groups`; then they differ. */
  readonly shared: number;
  readonly groups: number;
  /** µs, the gate; undefined where there is none. */
  readonly gate?: number;
}

export const COST_CASES: readonly CostCase[] = [
  { name: '2 KB, own prompts', backends: 8, promptBytes: 2000, shared: 0, groups: 1, gate: 20 },
  { name: '2 KB, 20 system prompts', backends: 8, promptBytes: 2000, shared: 0.75, groups: 20, gate: 20 },
  { name: '220 KB, own prompts', backends: 8, promptBytes: 220_000, shared: 0, groups: 1 },
  { name: '220 KB, 20 documents', backends: 8, promptBytes: 220_000, shared: 0.95, groups: 20 },
  { name: '2 KB, 20 system prompts', backends: 1000, promptBytes: 2000, shared: 0.75, groups: 20 },
  { name: '2 KB, one system prompt', backends: 1000, promptBytes: 2000, shared: 0.75, groups: 1 },
  { name: '220 KB, own prompts', backends: 1000, promptBytes: 220_000, shared: 0, groups: 1, gate: 2000 },
  { name: '220 KB, one document', backends: 1000, promptBytes: 220_000, shared: 0.95, groups: 1, gate: 2000 },
];

class Backend implements Candidate {
  readonly id: string;
  readonly url: string;
  readonly weight = 1;
  readonly load: SlotLoad;
  constructor(number: number, load: SlotLoad) {
    this.id = `b${number}`;
    this.url = `http://b${String(number).padStart(4, '0')}:8000`;
    this.load = load;
  }
}

class Request implements PickRequest {
  readonly model = 'model';
  readonly headers = {};
  readonly body: Buffer;
  constructor(body: Buffer) {
    this.body = body;
  }
  bodyField(): undefined {
    return undefined;
  }
  promptRange(): readonly [number, number] {
    return [0, this.body.length];
  }
}

/** µs of one decision with all its events: pick, dispatch, first byte, usage, end; the best of `rounds` means. */
export function decisionCost(test: CostCase, rounds = 10, perRound = 300): number {
  const table = new LoadTable(test.backends);
  const candidates = Array.from({ length: test.backends }, (_, number) => new Backend(number, table.allocate()));
  const algorithm = new PrefixAware(new PrefixIndex(64 * 1024 * 1024), new LeastLoad());
  const random = seededRandom(1);
  const bodies = Array.from({ length: 64 }, () => noise(random, test.promptBytes));
  const common = Math.floor(test.promptBytes * test.shared);
  const prefixes = Array.from({ length: test.groups }, () => noise(random, common));
  let number = 0;
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    // Made before the clock starts: a body is there already when a request is routed.
    const requests = Array.from({ length: 64 }, (_, at) => {
      prefixes[Math.floor(random() * test.groups)]!.copy(bodies[at]!);
      bodies[at]!.writeUInt32LE(number++, common);
      return bodies[at]!;
    });
    const began = performance.now();
    for (let count = 0; count < perRound; count++) decide(algorithm, candidates, new Request(requests[count % 64]!));
    best = Math.min(best, ((performance.now() - began) * 1000) / perRound);
  }
  return best;
}

function decide(algorithm: PrefixAware, candidates: readonly Backend[], request: Request): void {
  const candidate = algorithm.pick(candidates, request) as Backend;
  const tokens = Math.round(algorithm.uncachedTokens(candidate, request));
  candidate.load.dispatched();
  candidate.load.addUncached(tokens);
  algorithm.observe({ type: 'dispatched', request, candidate });
  candidate.load.addUncached(-tokens);
  algorithm.observe({ type: 'first-byte', request, candidate });
  algorithm.observe({ type: 'usage', request, candidate, promptTokens: request.body.length / 4, cachedTokens: 0 });
  candidate.load.finished();
  algorithm.observe({ type: 'finished', request, candidate, ok: true, beforeFirstByte: false });
}

function noise(random: () => number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) buffer.writeUInt32LE((random() * 4294967296) >>> 0, at);
  return buffer;
}
