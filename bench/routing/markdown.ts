import type { Fleet } from '../../src/simulator/replay/experiment.ts';
import { WORKLOADS } from '../../src/simulator/replay/workloads.ts';
import { CELL_GATE, type CellResult, OURS, RIVALS } from './cells.ts';
import type { CostCase } from './decision-cost.ts';
import { cacheFillTime, type MembershipResult } from './membership.ts';

/** A gate of `docs/algorithms.md` and whether it held. */
export interface Gate {
  readonly name: string;
  readonly gate: string;
  readonly value: string;
  readonly passed: boolean;
}

/** How the contenders' best does in a fleet that is not the table's. */
export interface Variation {
  readonly name: string;
  readonly results: readonly CellResult[];
}

export interface Findings {
  readonly command: string;
  readonly seeds: readonly number[];
  readonly fleet: Fleet;
  readonly cells: readonly CellResult[];
  readonly variations: readonly Variation[];
  /** Requests a second by workload and contender. */
  readonly knees: readonly { readonly workload: string; readonly knees: ReadonlyMap<string, number> }[];
  readonly kneeObjective: number;
  readonly membership: readonly MembershipResult[];
  /** Of the requests, 1 = as many as each of the others gets. */
  readonly newcomer: number;
  readonly costs: readonly { readonly test: CostCase; readonly microseconds: number }[];
  /** s for 10,000 requests on 8 engines. */
  readonly simulation: number;
  readonly gates: readonly Gate[];
}

const CONTENDERS = [...RIVALS, OURS];

export function markdown(findings: Findings): string {
  return `${[
    heading(findings),
    gatesTable(findings.gates),
    mainTable(findings.cells),
    shareTable(findings.cells),
    variationTable(findings.variations),
    kneeTable(findings),
    membershipTable(findings),
    costTable(findings.costs),
  ].join('\n\n')}\n`;
}

function heading({ command, seeds, fleet }: Findings): string {
  const { beta0, beta1, beta2, stepTokens, maxSequences, cacheTokens } = fleet.model;
  return `# Routing quality

Written by \`${command}\` (Node ${process.version}); do not edit. What the rules are, and what was tried, is in \`algorithms.md\`.

A discrete-event simulator drives the router's own algorithm code on a virtual clock. ${fleet.engines} engines; a step takes ${beta0} ms + ${beta1} ms
per uncached prompt token + ${beta2} ms per decoding sequence; prompts first come, first served in chunks of ${number(stepTokens)} tokens;
at most ${maxSequences} sequences; ${number(cacheTokens)} tokens of KV memory with vLLM's block-wise LRU prefix cache. Engines are scraped
every ${fleet.scrapeInterval / 1000} s${fleet.usage ? ' and report `cached_tokens` in `usage`' : ''}. Figures are means over seeds ${seeds.join(', ')}; a seed draws the arrivals, and for traces
moves each by up to the trace's own clock tick. Nothing is dropped; a request counts as failed after the default timeouts (2 min to
the first byte, 15 min in all). llm-d's and SMG's rules are given exact prompt blocks, and llm-d's the engines' true memory and
prefill rate.

| workload | |
|---|---|
${WORKLOADS.map(({ name, description }) => `| ${name} | ${description} |`).join('\n')}
| mooncake-conversation | the first 6,000 requests of Mooncake's conversation trace |
| mooncake-synthetic | the 3,993 requests of Mooncake's synthetic trace |`;
}

function gatesTable(gates: readonly Gate[]): string {
  const rows = gates.map(({ name, gate, value, passed }) => `| ${name} | ${gate} | ${value} | ${mark(passed)} |`);
  return ['## Gates', '', '| gate | value | measured | |', '|---|---|---|---|', ...rows].join('\n');
}

function mainTable(cells: readonly CellResult[]): string {
  const rows = cells.map((result) => {
    const figures = CONTENDERS.map((name) => {
      const { ttft, endToEnd } = summaryOf(result, name);
      return `${seconds(ttft.p90)} / ${seconds(endToEnd.mean)}`;
    });
    const { ttftRatio, endToEndRatio } = result;
    const passed = ttftRatio <= CELL_GATE && endToEndRatio <= CELL_GATE;
    const ratios = `${ttftRatio.toFixed(2)} / ${endToEndRatio.toFixed(2)}`;
    return `| ${result.cell.name} | ${figures.join(' | ')} | ${passed ? ratios : `**${ratios}**`} |`;
  });
  return [
    '## TTFT p90 / mean end-to-end, seconds',
    '',
    `| workload | ${CONTENDERS.join(' | ')} | ${OURS} ÷ best rival |`,
    `|---|${CONTENDERS.map(() => '---|').join('')}---|`,
    ...rows,
  ].join('\n');
}

function shareTable(cells: readonly CellResult[]): string {
  const rows = cells.map((result) => {
    const figures = CONTENDERS.map((name) => {
      const { hitRate, success, skew } = summaryOf(result, name);
      return `${percent(hitRate)} ${percent(success)} ${skew.toFixed(2)}`;
    });
    return `| ${result.cell.name} | ${figures.join(' | ')} |`;
  });
  return [
    '## Hit rate, success rate (worst seed), skew',
    '',
    'Skew: the busiest engine’s requests in flight, averaged over time, ÷ the mean engine’s.',
    '',
    `| workload | ${CONTENDERS.join(' | ')} |`,
    `|---|${CONTENDERS.map(() => '---|').join('')}`,
    ...rows,
  ].join('\n');
}

function variationTable(variations: readonly Variation[]): string {
  const cells = variations[0]?.results.map(({ cell }) => cell.name) ?? [];
  const rows = cells.map((name, at) => {
    const figures = variations.map(({ results }) => {
      const { ttftRatio, endToEndRatio } = results[at]!;
      return `${ttftRatio.toFixed(2)} / ${endToEndRatio.toFixed(2)}`;
    });
    return `| ${name} | ${figures.join(' | ')} |`;
  });
  return [
    `## Other fleets: ${OURS} ÷ the best rival there (TTFT p90 / mean end-to-end)`,
    '',
    'No gates, but where the rules could break. Rivals keep their exact knowledge where ours gets less.',
    '',
    `| workload | ${variations.map(({ name }) => name).join(' | ')} |`,
    `|---|${variations.map(() => '---|').join('')}`,
    ...rows,
  ].join('\n');
}

function kneeTable({ knees, kneeObjective }: Findings): string {
  const rows = knees.map(({ workload, knees: found }) => {
    const ours = found.get(OURS)! / found.get('round-robin')!;
    return `| ${workload} | ${CONTENDERS.map((name) => found.get(name)!.toFixed(1)).join(' | ')} | ${ours.toFixed(2)} × |`;
  });
  return [
    `## Knees: the highest rate (requests/s) with TTFT p90 within ${kneeObjective / 1000} s`,
    '',
    `| workload | ${CONTENDERS.join(' | ')} | ${OURS} ÷ round-robin |`,
    `|---|${CONTENDERS.map(() => '---|').join('')}---|`,
    ...rows,
  ].join('\n');
}

function membershipTable({ membership, fleet, newcomer }: Findings): string {
  const rows = membership.map(
    ({ change, before, after }) =>
      `| ${change === 'add' ? 'added' : 'removed'} | ${percent(before)} | ${percent(after)} |`,
  );
  const fill = (cacheFillTime(fleet) / 1000).toFixed(0);
  return [
    `## An engine added or removed in the middle of shared-prefixes at 40 requests/s`,
    '',
    `| engine | hit rate in the 30 s before | in the 30 s after one cache-fill time (${fill} s) |`,
    '|---|---|---|',
    ...rows,
    '',
    `Of two overloaded engines joined by a third, the newcomer then gets ${newcomer.toFixed(2)} × an equal share of the requests.`,
  ].join('\n');
}

function costTable(costs: Findings['costs']): string {
  const rows = costs.map(
    ({ test, microseconds }) => `| ${test.backends} | ${test.name} | ${microseconds.toFixed(1)} | ${test.gate ?? ''} |`,
  );
  return [
    '## CPU of one decision with all its events, µs (best of 10 rounds on a shared machine)',
    '',
    '| engines | prompt | µs | gate |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function summaryOf(result: CellResult, name: string) {
  return name === OURS ? result.ours : result.rivals.get(name)!;
}

function seconds(ms: number): string {
  const value = ms / 1000;
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(value >= 1 ? 2 : 3);
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(share === 1 ? 0 : 1)} %`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function mark(passed: boolean): string {
  return passed ? 'held' : '**missed**';
}
