export type ScenarioName = 'a' | 'b' | 'c' | 'd';

/** One kind of load. */
export interface Scenario {
  readonly name: ScenarioName;
  readonly title: string;
  /** What the CPU is divided by. */
  readonly unit: 'request' | 'chunk';
  /** Flags of the load generator. */
  readonly load: readonly string[];
  /** Streams open in the measured window; 0 for plain requests. */
  readonly streams: number;
}

function streams(name: ScenarioName, count: number, rate: number): Scenario {
  return {
    name,
    title: `${count.toLocaleString('en')} streams × ${rate} chunks/s`,
    unit: 'chunk',
    // 200 chunks: a stream of the usual length, so that opening and ending streams is part of what a chunk costs.
    load: ['-streams', `${count}`, '-rate', `${rate}`, '-chunks', '200'],
    streams: count,
  };
}

export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  a: {
    name: 'a',
    title: '2 KB prompt, 32 connections',
    unit: 'request',
    load: ['-conns', '32', '-body', '2048'],
    streams: 0,
  },
  b: {
    name: 'b',
    title: '220 KB prompt, 8 connections',
    unit: 'request',
    load: ['-conns', '8', '-body', '220000'],
    streams: 0,
  },
  c: streams('c', 200, 50),
  d: streams('d', 1000, 20),
};

/** Brings a fresh proxy to the size it has when it works, before its memory without streams is read. */
export const beforeIdle: readonly string[] = ['-streams', '200', '-rate', '50', '-chunks', '50'];
