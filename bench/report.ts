import type { Verdict } from './bars.ts';
import type { ContestantName } from './contestants/contestant.ts';
import type { Measurement } from './measure.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { cpuRatio, median, numbers, rssPerStream, select, spread } from './statistics.ts';

/** Lays rows out as a Markdown table whose columns line up. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => [...row[column]!].length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join('\n');
}

const none = '–';
/** Share of the cores used by others above which a window's figures say little. */
const DISTURBED = 0.1;

/** The figures of one scenario, a row for each contestant. */
export function scenarioTable(all: readonly Measurement[], scenario: Scenario): string {
  const names = [...new Set(all.filter((m) => m.scenario === scenario.name).map((m) => m.contestant))];
  const streaming = scenario.unit === 'chunk';
  const head = ['', `CPU µs/${scenario.unit}: min`, 'median', 'max', '× nginx', 'core %', `${scenario.unit}s/s`];
  head.push(...(streaming ? ['TTFT p50 ms', 'p99', 'delay p50 ms', 'p99'] : ['latency p50 ms', 'p99']));
  head.push('RSS MiB', ...(streaming ? ['KiB/stream'] : []), 'others %', 'errors');
  return table([head, ...names.map((name) => row(all, scenario, name))]);
}

function row(all: readonly Measurement[], scenario: Scenario, name: ContestantName): string[] {
  const own = select(all, scenario.name, name);
  const middle = (value: (m: Measurement) => number | null, digits: number) => {
    const values = numbers(own, value);
    return values.length ? median(values).toFixed(digits) : none;
  };
  const cpu = spread(numbers(own, (m) => m.cpuPerUnit));
  const digits = cpu && cpu.median >= 100 ? 0 : 1;
  const streaming = scenario.unit === 'chunk';
  const latency = streaming
    ? [
        middle((m) => m.load.ttftMs.p50, 2),
        middle((m) => m.load.ttftMs.p99, 1),
        middle((m) => m.load.chunkDelayMs.p50, 2),
        middle((m) => m.load.chunkDelayMs.p99, 1),
      ]
    : [middle((m) => m.load.latencyMs.p50, 2), middle((m) => m.load.latencyMs.p99, 1)];
  return [
    name,
    ...(cpu ? [cpu.min, cpu.median, cpu.max].map((n) => n.toFixed(digits)) : [none, none, none]),
    cpuRatio(all, scenario.name, name, 'nginx')?.toFixed(2) ?? none,
    middle((m) => m.busy && m.busy * 100, 0),
    middle((m) => (streaming ? m.load.chunks : m.load.requests) / m.load.seconds, 0),
    ...latency,
    middle((m) => m.rss && m.rss.loaded / 2 ** 20, 0),
    ...(streaming ? [middle((m) => rssPerStream(m, scenario.streams), 0)] : []),
    middle((m) => m.others * 100, 0),
    `${own.reduce((sum, m) => sum + m.load.errors, 0)}`,
  ];
}

/** Everything of one run, as Markdown. */
export function report(all: readonly Measurement[], verdicts: readonly Verdict[]): string {
  const parts: string[] = [];
  for (const scenario of Object.values(scenarios)) {
    if (!all.some((m) => m.scenario === scenario.name)) continue;
    parts.push(`(${scenario.name}) ${scenario.title}\n\n${scenarioTable(all, scenario)}`);
  }
  const disturbed = all.filter((m) => m.others > DISTURBED).length;
  if (disturbed > 0) {
    const limit = DISTURBED * 100;
    parts.push(`DISTURBED: other programs used over ${limit} % of the cores in ${disturbed} of ${all.length} windows.`);
  }
  for (const m of all) {
    const samples = m.load.errorSamples ?? [];
    if (m.load.errors === 0) continue;
    parts.push(
      `${m.contestant}, ${m.scenario}, round ${m.round}: ${JSON.stringify(m.load.errorKinds)}\n  ${samples.join('\n  ')}`,
    );
  }
  if (verdicts.length) {
    parts.push(table([['bar', 'measured', 'result'], ...verdicts.map((v) => [v.bar, v.value, v.result])]));
  }
  return `${parts.join('\n\n')}\n`;
}
