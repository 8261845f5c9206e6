import { exponential, seededRandom, zipf } from './random.ts';
import type { Arrival } from './sim-request.ts';

/** A stream of requests that can be made at any rate. */
export interface Workload {
  readonly name: string;
  readonly description: string;
  /** Tokens of one prompt block. */
  readonly blockTokens: number;
  /** Requests a second that the published table uses. */
  readonly rate: number;
  /** Requests of one run unless told otherwise. */
  readonly requests: number;
  /** The same seed gives the same requests; `rate` in requests a second. */
  arrivals(seed: number, rate: number, requests: number): Arrival[];
}

const BLOCK = 100;

/** Everything a synthetic request consists of but its time. */
interface Draw {
  readonly group: number;
  readonly user: number;
}

/** What a synthetic workload is made of. */
export interface Shape {
  readonly name: string;
  readonly description: string;
  readonly rate: number;
  readonly requests?: number;
  readonly groups: number;
  readonly users: number;
  /** Zipf's exponent of the groups' popularity; 0 = all alike. */
  readonly skew: number;
  /** Tokens, multiples of the block. */
  readonly prefix: number;
  readonly question: number;
  /** Mean; drawn evenly from half to one and a half of it. */
  readonly answer: number;
}

const SHAPES: readonly Shape[] = [
  {
    name: 'shared-prefixes',
    description: '150 groups × 5 users, 6,000-token prefix, 1,200-token question, 100-token answer',
    rate: 50,
    groups: 150,
    users: 5,
    skew: 0,
    prefix: 6000,
    question: 1200,
    answer: 100,
  },
  {
    name: 'one-prefix',
    description: 'one 2,000-token prefix for all, 200-token question, 100-token answer',
    rate: 60,
    groups: 1,
    users: 200,
    skew: 0,
    prefix: 2000,
    question: 200,
    answer: 100,
  },
  {
    name: 'decode-bound',
    description: 'no shared prefix, 200-token prompt, 600-token answer',
    rate: 60,
    groups: 0,
    users: 500,
    skew: 0,
    prefix: 0,
    question: 200,
    answer: 600,
  },
  {
    name: 'zipf',
    description: '300 prefixes of 6,000 tokens, popularity Zipf(1), 500-token question, 500-token answer',
    rate: 40,
    groups: 300,
    users: 5,
    skew: 1,
    prefix: 6000,
    question: 500,
    answer: 500,
  },
];

export const WORKLOADS: readonly Workload[] = SHAPES.map(synthetic);

export function synthetic(shape: Shape): Workload {
  return {
    name: shape.name,
    description: shape.description,
    blockTokens: BLOCK,
    rate: shape.rate,
    requests: shape.requests ?? 10_000,
    arrivals(seed, rate, requests) {
      const random = seededRandom(seed);
      const draw = drawer(shape, random);
      const prefixBlocks = shape.prefix / BLOCK;
      const questionBlocks = shape.question / BLOCK;
      let nextId = shape.groups * prefixBlocks;
      let at = 0;
      return Array.from({ length: requests }, () => {
        at += exponential(random, 1000 / rate);
        const { group, user } = draw();
        const blocks = new Int32Array(prefixBlocks + questionBlocks);
        for (let block = 0; block < prefixBlocks; block++) blocks[block] = group * prefixBlocks + block;
        for (let block = prefixBlocks; block < blocks.length; block++) blocks[block] = nextId++;
        const outputTokens = Math.max(1, Math.round(shape.answer * (0.5 + random())));
        const promptTokens = shape.prefix + shape.question;
        return { at, blocks, promptTokens, outputTokens, session: `${group}/${user}` };
      });
    },
  };
}

function drawer(shape: Shape, random: () => number): () => Draw {
  const user = () => Math.floor(random() * shape.users);
  if (shape.groups === 0) return () => ({ group: 0, user: user() });
  const group = zipf(random, shape.groups, shape.skew);
  return () => ({ group: group(), user: user() });
}
