import { hostname } from 'node:os';
import type { Backend } from '../backends/backend.ts';
import type { Route } from '../pipeline/route.ts';
import { SummarySum } from '../stats/summary.ts';
import type { AdminDeps } from './admin-deps.ts';
import { inSlices } from './slices.ts';
import type { RouterStatus, RouteStatus } from './status-message.ts';
import { configStatus, infoOf, liveOf, milliseconds, round, routeStatus } from './status-rows.ts';

/** One backend as it was told last: its parts as JSON, so that what has changed is found by comparing texts. */
interface Row {
  readonly key: string;
  info: string;
  live: string;
}

interface Parts {
  readonly router: RouterStatus;
  readonly config: string;
  readonly sources: string;
  readonly routes: readonly RouteStatus[];
}

/**
 * What the status page shows, kept as JSON texts. `update` costs one pass over backends and routes however many look at it, and never
 * holds the event loop for more than some ms.
 */
export class StatusBoard {
  readonly #deps: AdminDeps;
  readonly #rows = new Map<string, Row>();
  #members = new WeakMap<Route, readonly Backend[]>();
  #generation = -1;
  #nextKey = 0;
  /** Unix ms at monotonic 0. */
  #epoch = 0;
  #parts: Parts | undefined;

  constructor(deps: AdminDeps) {
    this.#deps = deps;
  }

  /** Looks at everything anew; the message that brings those up to date who had the last one. */
  async update(): Promise<string> {
    const { registry } = this.#deps;
    const { generation } = registry;
    const listedAnew = generation !== this.#generation;
    if (listedAnew) this.#members = new WeakMap();
    const configBefore = this.#parts?.config;
    this.#epoch = Date.now() - this.#deps.now();
    const epoch = this.#epoch;
    const changed = { info: [] as Row[], live: [] as Row[] };
    const keys = new Map<string, string>();
    const gone = new Map(this.#rows);
    await inSlices(registry.backends, (backend) => {
      gone.delete(backend.id);
      keys.set(backend.url, this.#look(backend, listedAnew ? epoch : undefined, changed).key);
    });
    for (const id of gone.keys()) this.#rows.delete(id);
    this.#parts = {
      router: await this.#router(),
      config: JSON.stringify(configStatus(this.#deps)),
      sources: JSON.stringify(
        [...this.#deps.facts.sources()].map(({ lastSyncAge, ...source }) => ({ ...source, age: lastSyncAge ?? null })),
      ),
      routes: await this.#routes(keys),
    };
    this.#generation = generation;
    return this.#message(
      false,
      changed,
      [...gone.values()].map(({ key }) => key),
      this.#parts.config !== configBefore,
    );
  }

  /** Everything as of the last update; undefined before the first. */
  whole(): string | undefined {
    if (this.#parts === undefined) return undefined;
    const rows = [...this.#rows.values()];
    return this.#message(true, { info: rows, live: rows }, [], true);
  }

  /** `epoch`: Unix ms at monotonic 0; undefined when nothing but figures can have changed. */
  #look(backend: Backend, epoch: number | undefined, changed: { info: Row[]; live: Row[] }): Row {
    let row = this.#rows.get(backend.id);
    if (row === undefined) {
      row = { key: (this.#nextKey++).toString(36), info: '', live: '' };
      this.#rows.set(backend.id, row);
    }
    const live = JSON.stringify(liveOf(backend, this.#deps, this.#deps.now(), this.#epoch));
    if (live !== row.live) {
      row.live = live;
      changed.live.push(row);
    }
    if (epoch === undefined) return row;
    const info = JSON.stringify(infoOf(backend, epoch));
    // A wall clock that is set must not look like a thousand new backends.
    if (withoutStart(info) !== withoutStart(row.info)) {
      row.info = info;
      changed.info.push(row);
    }
    return row;
  }

  async #router(): Promise<RouterStatus> {
    const { stats, registry, facts, notReady, now } = this.#deps;
    const sum = new SummarySum();
    await inSlices(stats.requests.servers, (server) => {
      for (const series of stats.requests.of(server)) sum.add(series, now());
    });
    const { qps, ttft, interToken, decoding } = sum.summary(stats.requests.age(now()));
    let inflight = 0;
    for (const { load } of registry.all()) inflight += load.inflight;
    let queued = 0;
    for (const { waiting } of facts.queues()) queued += waiting;
    let [answered, failed] = [0, 0];
    for (const { labels, value } of stats.answered.cells) {
      answered += value;
      if (labels.at(-1)!.startsWith('5')) failed += value;
    }
    return {
      version: stats.version,
      host: hostname(),
      uptime: Math.round(now() - stats.startedAt),
      notReady: notReady() ?? null,
      inflight,
      streaming: decoding,
      queued,
      qps: round(qps, 100),
      answered,
      failed,
      ttft: milliseconds(ttft?.p50),
      ttftP99: milliseconds(ttft?.p99),
      interToken: milliseconds(interToken),
      window: stats.requests.window,
    };
  }

  async #routes(keys: ReadonlyMap<string, string>): Promise<RouteStatus[]> {
    const { snapshot, now } = this.#deps;
    const routes: RouteStatus[] = [];
    await inSlices(snapshot().routes, (route) => {
      let members = this.#members.get(route);
      if (members === undefined) {
        members = route.candidates.members();
        this.#members.set(route, members);
      }
      routes.push(routeStatus(route, members, (url) => keys.get(url), this.#deps, now()));
    });
    return routes;
  }

  #message(
    full: boolean,
    rows: { readonly info: readonly Row[]; readonly live: readonly Row[] },
    gone: readonly string[],
    withConfig: boolean,
  ): string {
    const { router, config, sources, routes } = this.#parts!;
    const members = [
      `"full":${full}`,
      `"router":${JSON.stringify(router)}`,
      ...(withConfig ? [`"config":${config}`] : []),
      `"sources":${sources}`,
      `"routes":${JSON.stringify(routes)}`,
      `"backends":{${rows.info.map(({ key, info }) => `"${key}":${info}`).join(',')}}`,
      `"live":{${rows.live.map(({ key, live }) => `"${key}":${live}`).join(',')}}`,
      `"gone":${JSON.stringify(gone)}`,
    ];
    return `{${members.join(',')}}`;
  }
}

function withoutStart(info: string): string {
  return info.slice(0, info.lastIndexOf(',"since":'));
}
