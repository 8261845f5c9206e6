import type { BackendFacts, QueueFacts, RouterFacts, ShadowFacts, SourceFacts } from './facts.ts';
import type { LabelCap } from './label-cap.ts';
import type { RequestStats } from './request-stats.ts';
import type { Series } from './series.ts';
import type { Summary } from './summary.ts';

/** One `server` with all that is known of it now. */
export class ServerView {
  readonly server: string;
  /** Two backends for as long as a new pod has the address of one that still drains; none when only that one is left. */
  readonly backends: readonly BackendFacts[];
  readonly series: readonly Series[];
  readonly #summarize: () => Summary;
  #summary: Summary | undefined;

  constructor(server: string, backends: readonly BackendFacts[], series: readonly Series[], summarize: () => Summary) {
    this.server = server;
    this.backends = backends;
    this.series = series;
    this.#summarize = summarize;
  }

  /** Made when it is first asked for: those of a thousand backends at once would hold up the event loop. */
  get summary(): Summary {
    this.#summary ??= this.#summarize();
    return this.#summary;
  }
}

/** Everything that one scrape, or one table in the log, shows. */
export interface View {
  /** Monotonic ms. */
  readonly now: number;
  /** Sorted. */
  readonly servers: readonly ServerView[];
  /** Models as labels; those beyond the cap are one. */
  readonly queues: readonly QueueFacts[];
  readonly sources: readonly SourceFacts[];
  readonly shadows: readonly ShadowFacts[];
}

/** Joins facts and traffic by URL: two entries with the same `server` label would make Prometheus refuse the whole page. */
export function createView(requests: RequestStats, facts: RouterFacts, now: number): View {
  const byServer = new Map<string, BackendFacts[]>();
  for (const backend of facts.backends()) {
    const known = byServer.get(backend.server);
    if (known === undefined) byServer.set(backend.server, [backend]);
    else known.push(backend);
  }
  for (const server of requests.servers) if (!byServer.has(server)) byServer.set(server, []);
  const servers = [...byServer].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    now,
    servers: servers.map(
      ([server, backends]) =>
        new ServerView(server, backends, [...requests.of(server)], () => requests.summary(server, now)),
    ),
    queues: mergeQueues(facts.queues(), requests.models),
    sources: [...facts.sources()],
    shadows: [...facts.shadows()],
  };
}

function mergeQueues(queues: Iterable<QueueFacts>, models: LabelCap): QueueFacts[] {
  const merged = new Map<string, QueueFacts>();
  for (const { route, model, waiting } of queues) {
    const label = models.label(model);
    const key = `${route}\0${label}`;
    merged.set(key, { route, model: label, waiting: waiting + (merged.get(key)?.waiting ?? 0) });
  }
  return [...merged.values()];
}
