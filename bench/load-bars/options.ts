import { parseArgs } from 'node:util';

/** What can be measured by itself, in the order of a run. */
export const PARTS = {
  streams: '2,000 and 10,000 open streams, 1 chunk/s each: errors, memory',
  chunks: '20,000 and 60,000 chunks/s',
  latency: '1,000 streams: added time to first token, added time between tokens',
  bodies: '32 MiB bodies beside small requests: lag of the event loop',
  kill: 'one of two engines gets SIGKILL',
  stop: 'one of two engines gets SIGSTOP',
  hang: "rolling restart of engines, vLLM's default: SIGTERM leaves live requests without a byte",
  drain: "rolling restart of engines, vLLM's --shutdown-timeout: live requests end, new ones get a 500",
  soak: 'a tenth of the clients leave, a hundredth of the requests fail: memory, descriptors, gauges',
} as const;
export type PartName = keyof typeof PARTS;
const names = Object.keys(PARTS) as PartName[];

export interface Options {
  readonly only: readonly PartName[];
  /** Length of the soak. */
  readonly seconds: number;
  /** Interleaved pairs of windows, direct and through the router. */
  readonly rounds: number;
  readonly proxyCore: number;
  readonly loadCore: number;
  /** Exit code 1 when a bar is missed. */
  readonly gate: boolean;
  readonly out: string;
}

export const usage = `npm run bench:load -- [options]

  --only NAME,..      ${names.map((name) => `${name.padEnd(8)} ${PARTS[name]}`).join('\n                      ')}
  --seconds N         length of the soak (600)
  --rounds N          pairs of windows, direct and through the router, in latency (3)
  --proxy-core N      CPU core of the router (1)
  --load-core N       CPU core of engines, load and driver (0)
  --gate              exit code 1 when a bar is missed
  --out FILE          all raw figures as JSON (node_modules/.cache/bench/load-bars.json)
`;

/** Reads the command line; throws an error with a message for the user when it is not understood. */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string', default: names.join(',') },
      seconds: { type: 'string', default: '600' },
      rounds: { type: 'string', default: '3' },
      'proxy-core': { type: 'string', default: '1' },
      'load-core': { type: 'string', default: '0' },
      gate: { type: 'boolean', default: false },
      out: { type: 'string', default: 'node_modules/.cache/bench/load-bars.json' },
    },
  });
  const wanted = values.only.split(',').map((name) => name.trim());
  for (const name of wanted) {
    if (!names.includes(name as PartName)) throw new Error(`--only: unknown "${name}"; known are ${names.join(', ')}`);
  }
  return {
    only: names.filter((name) => wanted.includes(name)),
    seconds: number(values.seconds, '--seconds', 10),
    rounds: number(values.rounds, '--rounds', 1),
    proxyCore: number(values['proxy-core'], '--proxy-core', 0),
    loadCore: number(values['load-core'], '--load-core', 0),
    gate: values.gate,
    out: values.out,
  };
}

function number(text: string, flag: string, least: number): number {
  const n = Number(text);
  if (text === '' || !Number.isFinite(n) || n < least) throw new Error(`${flag} needs a number of at least ${least}`);
  return n;
}
