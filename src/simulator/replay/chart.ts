/** A line of a chart; a value that is not finite is left out. */
export interface Series {
  readonly name: string;
  /** Number of its colour, from 1. */
  readonly colour: number;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface ChartOptions {
  readonly title: string;
  readonly xLabel: string;
  /** As ticks and tooltips show a y value. */
  readonly format: (y: number) => string;
  readonly logarithmic?: boolean;
  /** The y axis begins here, unless it is logarithmic. */
  readonly from?: number;
  /** A line across, with its name. */
  readonly objective?: { readonly y: number; readonly name: string };
}

const WIDTH = 560;
const HEIGHT = 300;
const LEFT = 64;
const RIGHT = 16;
const TOP = 16;
const BOTTOM = 44;

/** A line chart as inline SVG; colours come from the page's `--s1`, `--s2`, …, so that it follows light and dark. */
export function lineChart(series: readonly Series[], options: ChartOptions): string {
  const points = series.flatMap((line) => line.points).filter(({ y }) => Number.isFinite(y));
  if (points.length === 0) return `<figure><figcaption>${escapeText(options.title)}: no figures</figcaption></figure>`;
  const xs = points.map(({ x }) => x);
  const ys = [...points.map(({ y }) => y), ...(options.objective ? [options.objective.y] : [])];
  const x = axis(Math.min(...xs), Math.max(...xs), LEFT, WIDTH - RIGHT, false);
  const low = options.logarithmic ? Math.min(...ys) : Math.min(options.from ?? 0, ...ys);
  const y = axis(low, Math.max(...ys), HEIGHT - BOTTOM, TOP, options.logarithmic === true);
  const grid = y.ticks.map((tick) => {
    const at = y.place(tick);
    return (
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>` +
      `<text class="tick" x="${LEFT - 8}" y="${at + 4}" text-anchor="end">${escapeText(options.format(tick))}</text>`
    );
  });
  const bottom = HEIGHT - BOTTOM;
  const xTicks = x.ticks.map(
    (tick) =>
      `<text class="tick" x="${x.place(tick)}" y="${bottom + 18}" text-anchor="middle">${escapeText(plain(tick))}</text>`,
  );
  const objective = options.objective
    ? `<line class="objective" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.place(options.objective.y)}" y2="${y.place(options.objective.y)}"/>` +
      `<text class="tick" x="${WIDTH - RIGHT}" y="${y.place(options.objective.y) - 5}" text-anchor="end">${escapeText(options.objective.name)}</text>`
    : '';
  // The first is drawn last: it is what the reader asked about.
  const lines = series.toReversed().map((line) => drawn(line, x.place, y.place, options.format));
  return (
    `<figure><figcaption>${escapeText(options.title)}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeText(options.title)}">` +
    `${grid.join('')}${xTicks.join('')}` +
    `<text class="tick" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeText(options.xLabel)}</text>` +
    `${objective}${lines.join('')}</svg></figure>`
  );
}

function drawn(
  { name, colour, points }: Series,
  x: (value: number) => number,
  y: (value: number) => number,
  format: (y: number) => string,
): string {
  const shown = points.filter((point) => Number.isFinite(point.y));
  const path = shown.map((point, at) => `${at === 0 ? 'M' : 'L'}${x(point.x)} ${y(point.y)}`).join('');
  const dots = shown.map(
    (point) =>
      `<circle cx="${x(point.x)}" cy="${y(point.y)}" r="4"><title>${escapeText(`${name}: ${format(point.y)} at ${plain(point.x)}`)}</title></circle>`,
  );
  return `<g style="--c:var(--s${colour})"><path d="${path}"/>${dots.join('')}</g>`;
}

interface Axis {
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

function axis(low: number, high: number, from: number, to: number, logarithmic: boolean): Axis {
  const scale = logarithmic ? Math.log10 : (value: number) => value;
  const ticks = logarithmic ? decades(low, high) : rounds(low, high);
  const first = Math.min(scale(low), scale(ticks[0] ?? low));
  const last = Math.max(scale(high), scale(ticks.at(-1) ?? high));
  const span = last - first || 1;
  const place = (value: number) => Number((from + ((scale(value) - first) / span) * (to - from)).toFixed(1));
  return { place, ticks };
}

/** Four to eight round values that enclose the range. */
function rounds(low: number, high: number): number[] {
  const rough = (high - low || Math.abs(high) || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!;
  const ticks: number[] = [];
  for (let count = Math.floor(low / step); ticks.length === 0 || ticks.at(-1)! < high; count++)
    ticks.push(count * step);
  return ticks;
}

/** Powers of ten around the range, with 2 and 5 between where there are few. */
function decades(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = first; power <= last; power++) for (const factor of factors) ticks.push(factor * 10 ** power);
  const from = ticks.findLastIndex((tick) => tick <= low);
  const to = ticks.findIndex((tick) => tick >= high);
  return ticks.slice(Math.max(0, from), to + 1);
}

function plain(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Text for HTML and SVG, in elements and in quoted attributes. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
