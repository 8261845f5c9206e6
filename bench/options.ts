import { parseArgs } from 'node:util';
import { type ContestantName, contestantNames, routingNames } from './contestants/contestant.ts';
import { type ScenarioName, scenarios } from './scenarios.ts';

export interface Options {
  readonly rounds: number;
  /** Length of each measured window. */
  readonly seconds: number;
  readonly warmup: number;
  readonly scenarios: readonly ScenarioName[];
  readonly contestants: readonly ContestantName[];
  /** CPU cores: the proxy alone on one, engines, load and this driver on the other. */
  readonly proxyCore: number;
  readonly loadCore: number;
  /** Exit code 1 when a bar is missed. */
  readonly gate: boolean;
  readonly profile: boolean;
  readonly config: string;
  readonly out: string;
}

export const usage = `npm run bench -- [options]

  --rounds N          interleaved rounds (3)
  --seconds N         length of each measured window (8)
  --warmup N          seconds of load before each window (2)
  --scenario a,b,c,d  ${Object.values(scenarios)
    .map((s) => `${s.name}: ${s.title}`)
    .join('\n                      ')}
  --only NAMES        of ${contestantNames.join(', ')} (direct,nginx,ours)
  --peers             adds ${peers().join(' and ')}, installed from PyPI into node_modules/.cache
  --routing           ${routingNames.slice(0, 2).join(', ')} and so on instead: what choosing costs; scenarios a and b
  --config FILE       the router's config (bench/router.yaml)
  --profile           one round of ours (or of --only) under --cpu-prof; prints where the time goes; its figures do not count
  --proxy-core N      CPU core of the proxy (1)
  --load-core N       CPU core of engines, load and driver (0)
  --gate              exit code 1 when a bar is missed
  --out FILE          all raw figures as JSON (node_modules/.cache/bench/results.json)
`;

function peers(): ContestantName[] {
  return ['rust-router', 'sglang-router'];
}

/** Reads the command line; throws an error with a message for the user when it is not understood. */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '8' },
      warmup: { type: 'string', default: '2' },
      scenario: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'boolean', default: false },
      routing: { type: 'boolean', default: false },
      config: { type: 'string', default: 'bench/router.yaml' },
      profile: { type: 'boolean', default: false },
      'proxy-core': { type: 'string', default: '1' },
      'load-core': { type: 'string', default: '0' },
      gate: { type: 'boolean', default: false },
      out: { type: 'string', default: 'node_modules/.cache/bench/results.json' },
    },
  });
  let contestants: ContestantName[] = values.only
    ? oneOf(values.only, contestantNames, '--only')
    : values.routing
      ? [...routingNames]
      : ['direct', 'nginx', 'ours'];
  if (values.peers) contestants = [...new Set([...contestants, ...peers()])];
  if (values.profile && !values.only) contestants = ['ours'];
  return {
    rounds: values.profile ? 1 : number(values.rounds, '--rounds', 1),
    seconds: number(values.seconds, '--seconds', 0.1),
    warmup: number(values.warmup, '--warmup', 0),
    scenarios: oneOf(
      values.scenario ?? (values.routing ? 'a,b' : 'a,b,c,d'),
      Object.keys(scenarios) as ScenarioName[],
      '--scenario',
    ),
    contestants,
    proxyCore: number(values['proxy-core'], '--proxy-core', 0),
    loadCore: number(values['load-core'], '--load-core', 0),
    gate: values.gate,
    profile: values.profile,
    config: values.config,
    out: values.out,
  };
}

function number(text: string, flag: string, least: number): number {
  const n = Number(text);
  if (text === '' || !Number.isFinite(n) || n < least) throw new Error(`${flag} needs a number of at least ${least}`);
  return n;
}

function oneOf<T extends string>(text: string, known: readonly T[], flag: string): T[] {
  return text.split(',').map((name) => {
    const found = known.find((k) => k === name.trim());
    if (found === undefined) throw new Error(`${flag}: unknown "${name}"; known are ${known.join(', ')}`);
    return found;
  });
}
