/** What one pick costs, on the router's own load table: `node bench/micro/pick.ts`. */
import type { Candidate, PickRequest } from '../../src/algorithms/algorithm.ts';
import { Ring, ringPoints } from '../../src/algorithms/ring.ts';
import { createAlgorithm } from '../../src/algorithms/table.ts';
import { LoadTable, type SlotLoad } from '../../src/backends/load-table.ts';
import type { AlgorithmConfig } from '../../src/config/config.ts';
import { line, nanoseconds } from './time.ts';

interface Backend extends Candidate {
  readonly load: SlotLoad;
}

const session: AlgorithmConfig = {
  type: 'session',
  header: 'x-session',
  bounded: 0,
  otherwise: { type: 'round-robin' },
};
const CONFIGS: Readonly<Record<string, AlgorithmConfig>> = {
  'round-robin': { type: 'round-robin' },
  random: { type: 'random' },
  'power-of-two': { type: 'power-of-two' },
  'least-load': { type: 'least-load' },
  session,
  'session, bounded': { ...session, bounded: 1.25 },
};

const requests: readonly PickRequest[] = Array.from({ length: 1024 }, (_, index) => ({
  model: 'm',
  headers: { 'x-session': `user-${index}` },
  body: Buffer.alloc(2048),
  bodyField: () => undefined,
  promptRange: () => undefined,
}));

function fleet(size: number, scraped: boolean): Backend[] {
  const table = new LoadTable(size);
  return Array.from({ length: size }, (_, index) => {
    const load = table.allocate();
    for (let open = 0; open < 8 + (index % 7); open++) load.dispatched();
    if (scraped) load.scraped({ running: 12, waiting: index % 3, kvUsage: 0.4 });
    const url = `http://10.0.${index >> 8}.${index & 255}:8000`;
    return { id: url, url, weight: 1, load };
  }).sort((a, b) => (a.url < b.url ? -1 : 1));
}

for (const size of [8, 1000]) {
  for (const [name, config] of Object.entries(CONFIGS)) {
    for (const scraped of name === 'least-load' ? [false, true] : [false]) {
      const candidates = fleet(size, scraped);
      const algorithm = createAlgorithm(config, { random: Math.random, now: () => 0 });
      const pick = (index: number) => algorithm.pick(candidates, requests[index & 1023]!);
      line(
        `${name}${scraped ? ', engine stats' : ''}: pick of ${size}`,
        nanoseconds(size === 8 ? 300_000 : 20_000, pick),
      );
    }
  }
}

const retrying = fleet(1000, false);
for (const name of ['round-robin', 'session']) {
  const algorithm = createAlgorithm(CONFIGS[name]!, { random: Math.random, now: () => 0 });
  algorithm.pick(retrying, requests[0]!);
  const retry = (index: number) => {
    const tried = retrying[index % 1000];
    return algorithm.pick(
      retrying.filter((one) => one !== tried),
      requests[index & 1023]!,
      retrying,
    );
  };
  line(`${name}: retry among 999 of 1000`, nanoseconds(2000, retry));
}

const urls = retrying.map(({ url }) => url);
line(
  'ring: hashing one backend',
  nanoseconds(1000, (index) => ringPoints(urls[index]!, 1)),
);
const points = urls.map((url) => ringPoints(url, 1));
line(
  'ring: building it for 1000 backends, hashed before',
  nanoseconds(5, () => new Ring(points)),
);
