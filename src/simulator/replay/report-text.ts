import type { Knee, Study } from './study.ts';
import type { Summary } from './summary.ts';

const COLUMNS: readonly { readonly title: string; readonly text: (summary: Summary) => string }[] = [
  { title: 'TTFT p50', text: ({ ttft }) => seconds(ttft.p50) },
  { title: 'p90', text: ({ ttft }) => seconds(ttft.p90) },
  { title: 'p99', text: ({ ttft }) => seconds(ttft.p99) },
  { title: 'end-to-end mean', text: ({ endToEnd }) => seconds(endToEnd.mean) },
  { title: 'p90', text: ({ endToEnd }) => seconds(endToEnd.p90) },
  { title: 'p99', text: ({ endToEnd }) => seconds(endToEnd.p99) },
  { title: 'req/s', text: ({ throughput }) => throughput.toFixed(1) },
  { title: 'hits', text: ({ hitRate }) => percent(hitRate) },
  { title: 'success', text: ({ success }) => percent(success) },
  { title: 'skew', text: ({ skew }) => skew.toFixed(2) },
];

/** The study as a table per rate and the knees, for a terminal of some 110 columns. */
export function textReport({ plan, lines }: Study): string {
  const name = Math.max(9, ...lines.map(({ contender }) => contender.length));
  const widths = COLUMNS.map(({ title }) => Math.max(title.length, 8));
  const row = (first: string, cells: readonly string[]) =>
    `${first.padEnd(name)}  ${cells.map((cell, at) => cell.padStart(widths[at]!)).join('  ')}\n`;
  let text = '';
  for (const [at, rate] of plan.rates.entries()) {
    text += `\n${number(rate)} requests/s\n`;
    const titles = COLUMNS.map(({ title }) => title);
    text += row('', titles);
    for (const { contender, summaries } of lines) {
      const cells = COLUMNS.map((column) => column.text(summaries[at]!));
      text += row(contender, cells);
    }
  }
  text += `\nKnee: the highest rate with TTFT p90 within ${seconds(plan.objective)}\n`;
  for (const { contender, knee } of lines) text += `${contender.padEnd(name)}  ${kneeText(knee)}\n`;
  return text;
}

export function kneeText({ rate, bound }: Knee): string {
  const sign = bound === 'below' ? '< ' : bound === 'above' ? '≥ ' : '';
  return `${sign}${number(rate)} requests/s`;
}

/** ms → `0.026s`, `5.03s`, `188s`. */
export function seconds(ms: number): string {
  const value = ms / 1000;
  return `${value.toFixed(value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0)}s`;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(share === 1 ? 0 : 1)}%`;
}

export function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toFixed(value >= 10 ? 1 : 2)));
}
