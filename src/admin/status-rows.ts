import type { Backend } from '../backends/backend.ts';
import { algorithmSettings } from '../config/algorithm-settings.ts';
import { concealHeaders } from '../config/conceal.ts';
import { place } from '../config/format.ts';
import type { Route } from '../pipeline/route.ts';
import type { AdminDeps } from './admin-deps.ts';
import { hitRate } from './backends.ts';
import type { BackendInfo, BackendLive, ConfigStatus, RouteStatus } from './status-message.ts';

/** More would be more than anybody reads, and a thousand LoRA adapters on a thousand backends are a million names. */
const MOST_MODELS = 20;
const MOST_SHARES = 8;
const MOST_DIAGNOSTICS = 50;

/** `epoch`: Unix ms at monotonic 0. */
export function infoOf(backend: Backend, epoch: number): BackendInfo {
  const { spec, url, since } = backend;
  return {
    name: spec.name,
    url,
    source: spec.source,
    models: spec.models.slice(0, MOST_MODELS).map((card) => card.id),
    modelCount: spec.models.length,
    labels: spec.labels,
    weight: spec.weight,
    since: Math.round(epoch + since),
  };
}

/** `epoch`: Unix ms at monotonic 0. */
export function liveOf(backend: Backend, { stats, engine }: AdminDeps, now: number, epoch: number): BackendLive {
  const { qps, ttft, interToken, decoding } = stats.requests.summary(backend.url, now);
  const figures = engine(backend.id);
  return [
    backend.state,
    backend.breaker.state,
    backend.load.inflight,
    decoding,
    round(qps, 100),
    milliseconds(ttft?.p50),
    milliseconds(ttft?.p99),
    milliseconds(interToken),
    figures === undefined ? null : round(figures.kvUsage, 1000),
    figures === undefined ? null : share(hitRate(figures)),
    figures?.running ?? null,
    figures?.waiting ?? null,
    backend.trouble,
    retryAt(backend, now, epoch),
  ];
}

/** To whole seconds: a clock that is slewed must not change every row. */
function retryAt({ breaker, coolUntil }: Backend, now: number, epoch: number): number | null {
  const at = Math.max(breaker.opensAt ?? 0, coolUntil);
  return at > now ? Math.round((epoch + at) / 1000) * 1000 : null;
}

/** `key` of a URL; routes know the attempts by that. */
export function routeStatus(
  route: Route,
  members: readonly Backend[],
  key: (url: string) => string | undefined,
  { stats, facts }: AdminDeps,
  now: number,
): RouteStatus {
  const { name, match, backends, algorithm, fallback } = route.config;
  const counts = [...stats.shares.of(name, now)];
  const shares = counts.flatMap(([url, count]) => {
    const known = key(url);
    return known === undefined ? [] : [[known, count] as const];
  });
  let queued = 0;
  for (const queue of facts.queues()) if (queue.route === name) queued += queue.waiting;
  let available = 0;
  for (const backend of members) if (backend.available(now)) available++;
  return {
    name,
    match: [match.models.join(', '), ...Object.entries(concealHeaders(match.headers)).map(pair)]
      .filter((text) => text !== '')
      .join('; '),
    to: [backends.from.join(', '), ...Object.entries(backends.where).map(pair)].join('; '),
    algorithm: algorithmSettings(algorithm),
    fallback,
    inflight: stats.inflight.cell(name).value,
    queued,
    members: members.length,
    available,
    attempts: counts.reduce((sum, [, count]) => sum + count, 0),
    shares: shares.sort((a, b) => b[1] - a[1]).slice(0, MOST_SHARES),
  };
}

export function configStatus({ control, stats, snapshot }: AdminDeps): ConfigStatus {
  const { hash, generation } = snapshot();
  const last = control.last();
  return {
    hash,
    generation,
    source: control.source,
    appliedAt: stats.config?.at ?? 0,
    last:
      last === undefined
        ? null
        : {
            result: last.result,
            at: last.at,
            hash: last.hash,
            failure: last.failure ?? null,
            errors: last.diagnostics.filter(({ severity }) => severity === 'error').length,
            warnings: last.diagnostics.filter(({ severity }) => severity === 'warning').length,
            diagnostics: last.diagnostics.slice(0, MOST_DIAGNOSTICS).map((diagnostic) => ({
              severity: diagnostic.severity,
              place: place(diagnostic),
              path: diagnostic.path,
              message: diagnostic.message,
              hint: diagnostic.hint ?? null,
            })),
          },
  };
}

/** To whole ms from 10 on: finer figures would only make more rows change. */
export function milliseconds(value: number | undefined): number | null {
  if (value === undefined) return null;
  return round(value, value < 10 ? 10 : 1);
}

function share(value: number | undefined): number | null {
  return value === undefined ? null : round(value, 1000);
}

export function round(value: number, steps: number): number {
  return Math.round(value * steps) / steps;
}

function pair([name, value]: [string, string]): string {
  return `${name}=${value}`;
}
