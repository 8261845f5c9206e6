import { escapeText, lineChart, type Series } from './chart.ts';
import { kneeText, number, percent, seconds } from './report-text.ts';
import type { Study } from './study.ts';
import type { Summary } from './summary.ts';

/** As many colours as stay apart, in light and in dark; further contenders begin anew. */
const COLOURS = 8;

const STYLE = `
:root { color-scheme: light dark; --bg: #fcfcfb; --ink: #1b1b1a; --soft: #6b6a66; --rule: #e4e3df;
  --s1: #2a78d6; --s2: #c9551f; --s3: #12875f; --s4: #a87400; --s5: #b8417a; --s6: #4a3aa7; --s7: #d03b3b; --s8: #4c6b00; }
@media (prefers-color-scheme: dark) { :root { --bg: #1a1a19; --ink: #ededeb; --soft: #a3a29d; --rule: #3a3a37;
  --s1: #5aa2f2; --s2: #ee8351; --s3: #35b98a; --s4: #dba12c; --s5: #e57aa9; --s6: #9f95f0; --s7: #f07a7a; --s8: #9dbb45; } }
body { margin: 0 auto; max-width: 1180px; padding: 24px 16px 48px; background: var(--bg); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 32px 0 8px; }
p { color: var(--soft); margin: 0 0 8px; max-width: 80ch; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 24px; }
figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: 4px; } svg { width: 100%; height: auto; display: block; }
svg path { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
svg circle { fill: var(--c); stroke: var(--bg); stroke-width: 1.5; }
.grid { stroke: var(--rule); } .objective { stroke: var(--ink); stroke-dasharray: 5 4; }
.tick { fill: var(--soft); font-size: 12px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 16px 0; padding: 0; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 50%; margin-right: 6px; background: var(--c); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 12px 3px 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 500; }
`;

/** One page with charts and tables, without anything from elsewhere. */
export function htmlReport(study: Study): string {
  const { plan, lines } = study;
  const { workload, fleet } = plan;
  const about =
    `${workload.description}. ${fleet.engines} engines, ${plan.requests} requests a run, ` +
    `means over ${plan.seeds.length} seed${plan.seeds.length === 1 ? '' : 's'}. One step of an engine takes ` +
    `${number(fleet.model.beta0)} ms + ${Number(fleet.model.beta1.toPrecision(3))} ms per uncached prompt token + ` +
    `${Number(fleet.model.beta2.toPrecision(3))} ms per decoding sequence; it has room for ` +
    `${fleet.model.cacheTokens.toLocaleString('en')} tokens.`;
  const legend = lines.map(
    ({ contender }, at) => `<li style="--c:var(--s${colour(at)})"><i></i>${escapeText(contender)}</li>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Routing of ${escapeText(workload.name)}</title><style>${STYLE}</style></head><body>
<h1>Routing of ${escapeText(workload.name)}</h1><p>${escapeText(about)}</p>
<ul class="legend">${legend.join('')}</ul>
<div class="charts">${charts(study)}</div>
<h2>Knee: the highest rate with TTFT p90 within ${seconds(plan.objective)}</h2>
<table>${lines.map(({ contender, knee }) => `<tr><td>${escapeText(contender)}</td><td>${kneeText(knee)}</td></tr>`).join('')}</table>
${plan.rates.map((rate, at) => table(study, rate, at)).join('\n')}
</body></html>
`;
}

function charts({ plan, lines }: Study): string {
  const series = (read: (summary: Summary) => number): Series[] =>
    lines.map(({ contender, summaries }, at) => ({
      name: contender,
      colour: colour(at),
      points: plan.rates.map((rate, position) => ({ x: rate, y: read(summaries[position]!) })),
    }));
  const xLabel = 'requests/s';
  const time = { xLabel, format: seconds, logarithmic: true };
  const objective = { y: plan.objective, name: `objective ${seconds(plan.objective)}` };
  return [
    lineChart(
      series(({ ttft }) => ttft.p90),
      { ...time, title: 'Time to first token, p90', objective },
    ),
    lineChart(
      series(({ endToEnd }) => endToEnd.mean),
      { ...time, title: 'End to end, mean' },
    ),
    lineChart(
      series(({ hitRate }) => hitRate),
      { xLabel, title: 'Prompt tokens from the cache', format: (share) => `${Math.round(100 * share)}%` },
    ),
    lineChart(
      series(({ skew }) => skew),
      { xLabel, title: 'Load of the busiest engine ÷ mean', format: number, from: 1 },
    ),
  ].join('\n');
}

function table({ lines }: Study, rate: number, at: number): string {
  const rows = lines.map(({ contender, summaries }) => {
    const { ttft, endToEnd, throughput, hitRate, success, skew } = summaries[at]!;
    const times = [ttft.p50, ttft.p90, ttft.p99, endToEnd.mean, endToEnd.p90, endToEnd.p99].map(seconds);
    const cells = [...times, number(throughput), percent(hitRate), percent(success), skew.toFixed(2)];
    return `<tr><td>${escapeText(contender)}</td>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const titles = [
    '',
    'TTFT p50',
    'p90',
    'p99',
    'end to end mean',
    'p90',
    'p99',
    'answers/s',
    'hits',
    'success',
    'skew',
  ];
  return (
    `<h2>${number(rate)} requests/s</h2><div class="wide"><table>` +
    `<tr>${titles.map((title) => `<th>${title}</th>`).join('')}</tr>${rows.join('')}</table></div>`
  );
}

function colour(position: number): number {
  return (position % COLOURS) + 1;
}
