import type { Backend } from '../backends/backend.ts';
import type { EngineStats } from '../stats/facts.ts';
import type { AdminDeps } from './admin-deps.ts';
import { inSlices } from './slices.ts';

/** One backend as `GET /admin/backends` shows it. Times in ms over `stats.window`; null where nothing is known. */
export interface ShownBackend {
  readonly id: string;
  readonly engineId: string;
  readonly name: string;
  readonly url: string;
  readonly source: string;
  readonly state: Backend['state'];
  readonly breaker: Backend['breaker']['state'];
  readonly models: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
  readonly uptimeMs: number;
  readonly inflight: number;
  readonly streaming: number;
  readonly qps: number;
  readonly ttftMs: { readonly mean: number; readonly p50: number; readonly p90: number; readonly p99: number } | null;
  readonly interTokenMs: number | null;
  readonly latencyMs: number | null;
  /** The engine's own figures. */
  readonly engine: ShownEngine | null;
}

interface ShownEngine {
  readonly running: number;
  readonly waiting: number;
  /** 0..1 */
  readonly kvUsage: number;
  /** Share of prompt tokens found in its prefix cache since its start, 0..1. */
  readonly hitRate: number | null;
  readonly sleeping: boolean | null;
  readonly ageMs: number;
}

export async function showBackends(deps: AdminDeps): Promise<ShownBackend[]> {
  const shown: ShownBackend[] = [];
  await inSlices(deps.registry.backends, (backend) => {
    shown.push(showBackend(backend, deps));
  });
  return shown;
}

function showBackend(backend: Backend, { stats, engine, now }: AdminDeps): ShownBackend {
  const { id, url, spec, load } = backend;
  const at = now();
  const { qps, ttft, interToken, latency, decoding } = stats.requests.summary(url, at);
  const figures = engine(id);
  return {
    id,
    engineId: spec.engineId,
    name: spec.name,
    url,
    source: spec.source,
    state: backend.state,
    breaker: backend.breaker.state,
    models: spec.models.map((card) => card.id),
    labels: spec.labels,
    weight: spec.weight,
    uptimeMs: Math.round(at - backend.since),
    inflight: load.inflight,
    streaming: decoding,
    qps,
    ttftMs: ttft ?? null,
    interTokenMs: interToken ?? null,
    latencyMs: latency ?? null,
    engine: figures === undefined ? null : showEngine(figures, at),
  };
}

function showEngine(figures: EngineStats, now: number): ShownEngine {
  const { running, waiting, kvUsage, sleeping, scrapedAt } = figures;
  return {
    running,
    waiting,
    kvUsage,
    hitRate: hitRate(figures) ?? null,
    sleeping: sleeping ?? null,
    ageMs: Math.round(now - scrapedAt),
  };
}

/** Undefined where the engine has looked nothing up, or does not say. */
export function hitRate({ prefixHits, prefixQueries }: EngineStats): number | undefined {
  return prefixHits === undefined || !prefixQueries ? undefined : prefixHits / prefixQueries;
}
