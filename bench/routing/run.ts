import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_FLEET, type Fleet, findKnee, runOnce, runSeeds } from '../../src/simulator/replay/experiment.ts';
import { WORKLOADS } from '../../src/simulator/replay/workloads.ts';
import { type Cell, named, OURS, RIVALS, runCell, tableCells } from './cells.ts';
import { COST_CASES, decisionCost } from './decision-cost.ts';
import { gates } from './gates.ts';
import { markdown, type Variation } from './markdown.ts';
import { membership, newcomerShare } from './membership.ts';
import { mooncakeTraces } from './traces.ts';

/** Measures every gate and writes `docs/routing-quality.md`. */
const USAGE = `npm run bench:routing [-- options]   every gate, some minutes of one core; exit code 1 when one is missed

  --seeds 1,2,3  means are over these
  --traces DIR   Mooncake's traces, as its repository has them (those in test/fixtures/traces)
  --out FILE     docs/routing-quality.md
`;
const KNEE_OBJECTIVE = 1000;
const { values } = parseArgs({
  options: {
    traces: { type: 'string' },
    seeds: { type: 'string', default: '1,2,3' },
    out: { type: 'string', default: join(import.meta.dirname, '../../docs/routing-quality.md') },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit();
}
const seeds = values.seeds.split(',').map(Number);
const cells = tableCells(mooncakeTraces(values.traces));

const model = DEFAULT_FLEET.model;
const VARIATIONS: readonly { readonly name: string; readonly fleet: Fleet }[] = [
  { name: 'no usage, KV size scraped', fleet: { ...DEFAULT_FLEET, usage: false, cacheInfo: true } },
  { name: 'neither', fleet: { ...DEFAULT_FLEET, usage: false } },
  { name: 'both', fleet: { ...DEFAULT_FLEET, cacheInfo: true } },
  { name: 'answers not streamed', fleet: { ...DEFAULT_FLEET, streamed: false } },
  { name: '200k tokens of KV', fleet: { ...DEFAULT_FLEET, model: { ...model, cacheTokens: 200_000 } } },
  { name: '800k tokens of KV', fleet: { ...DEFAULT_FLEET, model: { ...model, cacheTokens: 800_000 } } },
  { name: '4 engines', fleet: { ...DEFAULT_FLEET, engines: 4 } },
  { name: '16 engines', fleet: { ...DEFAULT_FLEET, engines: 16 } },
];

// First, while the machine is as quiet as it will be.
const costs = COST_CASES.map((test) => ({ test, microseconds: decisionCost(test) }));
const simulation = slowestRun();
const table = runCells(DEFAULT_FLEET, 'table');
const knees = WORKLOADS.map((workload) => ({ workload: workload.name, knees: kneesOf(workload) }));
const changes = (['add', 'remove'] as const).map((change) => membership(DEFAULT_FLEET, change, seeds));
const variations: Variation[] = VARIATIONS.map(({ name, fleet }) => ({ name, results: runCells(fleet, name) }));

const findings = {
  command: 'npm run bench:routing',
  seeds,
  fleet: DEFAULT_FLEET,
  cells: table,
  variations,
  knees,
  kneeObjective: KNEE_OBJECTIVE,
  membership: changes,
  simulation,
  newcomer: newcomerShare(DEFAULT_FLEET, seeds),
  costs,
};
const measured = gates(findings);
writeFileSync(values.out, markdown({ ...findings, gates: measured }));
for (const { name, value, gate, passed } of measured) {
  console.log(`${passed ? 'held  ' : 'MISSED'} ${name}: ${value} (${gate})`);
}
console.log(`${Math.round(performance.now() / 1000)} s, ${values.out}`);
process.exitCode = measured.every(({ passed }) => passed) ? 0 : 1;

function runCells(fleet: Fleet, label: string) {
  return cells.map((cell: Cell) => {
    console.error(`${label}: ${cell.name}`);
    return runCell(fleet, cell, seeds);
  });
}

/** s that the slowest of the synthetic workloads takes: 10,000 requests on 8 engines. */
function slowestRun(): number {
  const times = WORKLOADS.map((workload) => {
    const began = performance.now();
    runOnce(DEFAULT_FLEET, { workload, rate: workload.rate, requests: 10_000 }, named(OURS), 1);
    return (performance.now() - began) / 1000;
  });
  return Math.max(...times);
}

function kneesOf(workload: (typeof WORKLOADS)[number]): ReadonlyMap<string, number> {
  console.error(`knees: ${workload.name}`);
  return new Map(
    [OURS, ...RIVALS].map((name) => {
      const contender = named(name);
      const ttft = (rate: number) =>
        runSeeds(DEFAULT_FLEET, { workload, rate, requests: workload.requests }, contender, seeds).ttft.p90;
      return [name, findKnee(ttft, KNEE_OBJECTIVE, workload.rate / 8, workload.rate * 8)];
    }),
  );
}
