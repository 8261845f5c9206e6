import type { Figures, LiveAlgorithm, Measured } from './measure.ts';

/** One algorithm in one cell: means over the seeds. */
export interface Line {
  readonly algorithm: LiveAlgorithm;
  readonly measured: Measured;
  readonly predicted: Figures;
}

/** What lies closer than this is called a tie. */
const APART = 1.15;

const METRICS: readonly { readonly name: string; readonly of: (figures: Figures) => number }[] = [
  { name: 'TTFT p50', of: ({ ttft }) => ttft.p50 },
  { name: 'TTFT p90', of: ({ ttft }) => ttft.p90 },
  { name: 'mean end-to-end', of: ({ endToEnd }) => endToEnd.mean },
];

/** A cell as Markdown: each figure as measured and, after the slash, as predicted. */
export function cellReport(title: string, lines: readonly Line[]): string {
  const rows = lines.map(({ algorithm, measured, predicted }) => {
    const times = METRICS.map(({ of }) => `${ms(of(measured))} / ${ms(of(predicted))}`);
    const hits = `${percent(measured.hitRate)} / ${percent(predicted.hitRate)}`;
    const skew = `${measured.skew.toFixed(2)} / ${predicted.skew.toFixed(2)}`;
    const rest = [percent(measured.success), ms(measured.lateness), percent(measured.busy)];
    return `| ${[algorithm, ...times, hits, skew, ...rest].join(' | ')} |`;
  });
  const head = [
    ...METRICS.map(({ name }) => `${name}, ms`),
    'hit rate',
    'skew',
    'success',
    'sent late p99, ms',
    'busy',
  ];
  const orders = METRICS.flatMap(({ name, of }) => [
    `- ${name}, measured: ${order(lines, ({ measured }) => of(measured))}`,
    `- ${name}, predicted: ${order(lines, ({ predicted }) => of(predicted))}; ${agreement(lines, of)}`,
  ]);
  const errors = lines.flatMap(({ algorithm, measured }) => measured.errors.map((error) => `${algorithm}: ${error}`));
  return [
    `### ${title}`,
    '',
    `| | ${head.join(' | ')} |`,
    `|---|${head.map(() => '---|').join('')}`,
    ...rows,
    '',
    ...orders,
    ...(errors.length > 0 ? ['', ...errors] : []),
    '',
  ].join('\n');
}

/** Best first; `≈` between neighbours closer than 15 %. */
export function order(lines: readonly Line[], of: (line: Line) => number): string {
  const sorted = lines.toSorted((a, b) => of(a) - of(b));
  return sorted
    .map((line, at) => {
      const before = sorted[at - 1];
      if (before === undefined) return line.algorithm;
      return `${of(line) / of(before) < APART ? '≈' : '<'} ${line.algorithm}`;
    })
    .join(' ');
}

/** Of the pairs that the prediction sets apart, how many the measurement puts in the same order. */
export function agreement(lines: readonly Line[], of: (figures: Figures) => number): string {
  let apart = 0;
  let same = 0;
  for (const a of lines) {
    for (const b of lines) {
      if (of(b.predicted) / of(a.predicted) < APART) continue;
      apart++;
      if (of(a.measured) < of(b.measured)) same++;
    }
  }
  return apart === 0 ? 'all tie' : `${same} of ${apart} pairs that it sets apart came in its order`;
}

/** The mean over seeds, figure by figure; the worst of success, lateness and busy. */
export function meanMeasured(runs: readonly Measured[]): Measured {
  return {
    ...meanFigures(runs),
    success: Math.min(...runs.map(({ success }) => success)),
    lateness: Math.max(...runs.map(({ lateness }) => lateness)),
    busy: Math.max(...runs.map(({ busy }) => busy)),
    errors: [...new Set(runs.flatMap(({ errors }) => errors))],
  };
}

export function meanFigures(runs: readonly Figures[]): Figures {
  const mean = (of: (figures: Figures) => number) => runs.reduce((sum, run) => sum + of(run), 0) / runs.length;
  const quantiles = (of: (figures: Figures) => Figures['ttft']) => ({
    mean: mean((run) => of(run).mean),
    p50: mean((run) => of(run).p50),
    p90: mean((run) => of(run).p90),
    p99: mean((run) => of(run).p99),
  });
  return {
    ttft: quantiles(({ ttft }) => ttft),
    endToEnd: quantiles(({ endToEnd }) => endToEnd),
    hitRate: mean(({ hitRate }) => hitRate),
    success: mean(({ success }) => success),
    skew: mean(({ skew }) => skew),
  };
}

function ms(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value.toFixed(value < 100 ? 1 : 0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share === 1 ? 0 : 1)} %`;
}
