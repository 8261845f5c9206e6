import type {
  BackendInfo,
  BackendLive,
  ConfigStatus,
  RouterStatus,
  RouteStatus,
  SourceStatus,
  StatusMessage,
} from '../status-message.ts';

/** Messages: one comes each second. */
const MINUTE = 60;

/** A backend as the table shows it. */
export interface Row {
  readonly key: string;
  info: BackendInfo;
  live: BackendLive;
}

/** Everything that the page knows. */
export class Store {
  router: RouterStatus | undefined;
  config: ConfigStatus | undefined;
  sources: readonly SourceStatus[] = [];
  routes: readonly RouteStatus[] = [];
  readonly rows = new Map<string, Row>();
  /** Answers so far, and of these 5xx, as each message said; as many as the last minute has. */
  readonly #answers: (readonly [answered: number, failed: number])[] = [];

  apply(message: StatusMessage): void {
    if (message.full) this.rows.clear();
    this.router = message.router;
    // Fewer than before: another process answers now.
    if (message.router.answered < (this.#answers.at(-1)?.[0] ?? 0)) this.#answers.length = 0;
    this.#answers.push([message.router.answered, message.router.failed]);
    if (this.#answers.length > MINUTE + 1) this.#answers.shift();
    this.config = message.config ?? this.config;
    this.sources = message.sources;
    this.routes = message.routes;
    for (const key of message.gone) this.rows.delete(key);
    for (const [key, info] of Object.entries(message.backends)) {
      const row = this.rows.get(key);
      const live = message.live[key];
      if (row !== undefined) row.info = info;
      else if (live !== undefined) this.rows.set(key, { key, info, live });
    }
    for (const [key, live] of Object.entries(message.live)) {
      const row = this.rows.get(key);
      if (row !== undefined) row.live = live;
    }
  }

  /** How many backends are in each state, most first. */
  states(): readonly (readonly [state: string, count: number])[] {
    const counts = new Map<string, number>();
    for (const { live } of this.rows.values()) counts.set(live[0], (counts.get(live[0]) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  }

  /** Of the requests answered in the last minute, or since the page was opened, how many were 5xx; null when there were none. */
  failed(): { readonly answered: number; readonly failed: number; readonly share: number } | null {
    const [first, last] = [this.#answers[0], this.#answers.at(-1)];
    if (first === undefined || last === undefined || last[0] === first[0]) return null;
    const [answered, failed] = [last[0] - first[0], last[1] - first[1]];
    return { answered, failed, share: failed / answered };
  }

  /** Means over the backends whose engines tell. */
  mean(field: 8 | 9): number | null {
    let sum = 0;
    let told = 0;
    for (const { live } of this.rows.values()) {
      const value = live[field];
      if (value === null) continue;
      sum += value;
      told++;
    }
    return told === 0 ? null : sum / told;
  }
}

/** What the table can be sorted by. */
export type Column =
  | 'name'
  | 'state'
  | 'inflight'
  | 'qps'
  | 'ttft'
  | 'interToken'
  | 'kv'
  | 'hit'
  | 'engine'
  | 'breaker'
  | 'models'
  | 'since';

const VALUES: Readonly<Record<Column, (row: Row) => number | string | null>> = {
  name: ({ info }) => info.name,
  state: ({ live }) => live[0],
  inflight: ({ live }) => live[2],
  qps: ({ live }) => live[4],
  ttft: ({ live }) => live[5],
  interToken: ({ live }) => live[7],
  kv: ({ live }) => live[8],
  hit: ({ live }) => live[9],
  engine: ({ live }) => (live[10] === null ? null : live[10] + (live[11] ?? 0)),
  breaker: ({ live }) => live[1],
  models: ({ info }) => info.models[0] ?? null,
  since: ({ info }) => info.since,
};

export interface View {
  /** Words that all must stand in name, URL, source, models or labels. */
  readonly search: string;
  /** Only this state; empty for all. */
  readonly state: string;
  readonly sort: Column;
  readonly descending: boolean;
}

/** The rows that a view shows, in its order; what is not known comes last. */
export function select(rows: Iterable<Row>, { search, state, sort, descending }: View): Row[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const value = VALUES[sort];
  const found = [...rows].filter(
    (row) =>
      (state === '' || row.live[0] === state) &&
      (words.length === 0 || words.every((word) => text(row).includes(word))),
  );
  const sign = descending ? -1 : 1;
  return found.sort((a, b) => {
    const [mine, other] = [value(a), value(b)];
    if (mine === other) return a.info.url < b.info.url ? -1 : 1;
    if (mine === null || other === null) return mine === null ? 1 : -1;
    return mine < other ? -sign : sign;
  });
}

function text({ info }: Row): string {
  const labels = Object.entries(info.labels).map(([name, value]) => `${name}=${value}`);
  return [info.name, info.url, info.source, ...info.models, ...labels].join(' ').toLowerCase();
}
