import type { BackendFacts } from './facts.ts';
import type { Summary } from './summary.ts';
import type { ServerView, View } from './view.ts';

interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  readonly cell: (row: Row) => string;
}

interface Row {
  readonly server: ServerView;
  readonly summary: Summary;
  /** The last one listed at this URL; undefined when it is only draining. */
  readonly backend: BackendFacts | undefined;
  readonly now: number;
}

const NOTHING = '-';

const COLUMNS: readonly Column[] = [
  left('backend', ({ server }) => printable(server.server)),
  left('state', ({ backend }) => backend?.state ?? 'removed'),
  left('models', ({ backend }) => modelNames(backend?.models ?? [])),
  right('up', ({ backend, now }) => (backend === undefined ? NOTHING : age(now - backend.since))),
  right('qps', ({ summary }) => summary.qps.toFixed(2)),
  right('prefill', ({ summary }) => String(summary.prefill)),
  right('decoding', ({ summary }) => String(summary.decoding)),
  right('finished', ({ summary }) => String(summary.finished)),
  right('ttft', ({ summary }) => duration(summary.ttft?.mean)),
  right('p99', ({ summary }) => duration(summary.ttft?.p99)),
  right('itl', ({ summary }) => duration(summary.interToken)),
  right('latency', ({ summary }) => duration(summary.latency)),
  right('running', ({ backend }) => figure(backend?.engine?.running)),
  right('waiting', ({ backend }) => figure(backend?.engine?.waiting)),
  right('kv', ({ backend }) => percent(backend?.engine?.kvUsage)),
  right('hits', ({ backend }) => percent(hitRate(backend))),
];

/**
 * What `--log-stats` writes: a line per backend. Counts are since the start, rates and durations of the sliding window;
 * `running`, `waiting`, `kv` and `hits` are the engine's own. `-` where nothing is known.
 */
export function formatLogTable(view: View): string {
  const rows = view.servers.map((server) => ({
    server,
    summary: server.summary,
    backend: server.backends.at(-1),
    now: view.now,
  }));
  const cells = [COLUMNS.map(({ title }) => title), ...rows.map((row) => COLUMNS.map(({ cell }) => cell(row)))];
  const widths = COLUMNS.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const lines = cells.map((line) =>
    line
      .map((text, column) => {
        const width = widths[column]!;
        return COLUMNS[column]!.align === 'left' ? text.padEnd(width) : text.padStart(width);
      })
      .join('  '),
  );
  return lines.join('\n');
}

function left(title: string, cell: Column['cell']): Column {
  return { title, align: 'left', cell };
}

function right(title: string, cell: Column['cell']): Column {
  return { title, align: 'right', cell };
}

/** Names come from backends: one with a line break would forge a row. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}

function modelNames([name, ...more]: readonly string[]): string {
  if (name === undefined) return NOTHING;
  return more.length === 0 ? printable(name) : `${printable(name)} +${more.length}`;
}

function hitRate(backend: BackendFacts | undefined): number | undefined {
  const { prefixHits, prefixQueries } = backend?.engine ?? {};
  return prefixHits === undefined || !prefixQueries ? undefined : prefixHits / prefixQueries;
}

function figure(value: number | undefined): string {
  return value === undefined ? NOTHING : String(value);
}

function percent(share: number | undefined): string {
  return share === undefined ? NOTHING : `${Math.round(share * 100)}%`;
}

function duration(ms: number | undefined): string {
  if (ms === undefined) return NOTHING;
  if (ms < 10) return `${ms.toFixed(1)}ms`;
  return ms < 1000 ? `${ms.toFixed(0)}ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)}s`;
}

function age(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.floor(ms / 1000)}s`;
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h${minutes % 60}m` : `${Math.floor(hours / 24)}d${hours % 24}h`;
}
