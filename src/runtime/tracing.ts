import { hostname } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Secret, TracingConfig } from '../config/config.ts';
import type { Log } from '../log.ts';
import type { Tracer } from '../pipeline/trace.ts';
import type { Counter } from '../stats/counter.ts';
import { Collector } from '../tracing/collector.ts';
import { integer, text } from '../tracing/otlp-json.ts';
import { SamplingTracer } from '../tracing/sampling-tracer.ts';
import { SpanExporter } from '../tracing/span-exporter.ts';

export interface TracingDeps {
  readonly version: string;
  readonly log: Log;
  readonly resolveSecret: (secret: Secret) => string | undefined;
  /** By result. */
  readonly spans: Counter;
  readonly random: () => number;
}

/** ms that the end of the process waits for its last spans. */
const FLUSH = 2_000;

interface Destination {
  /** All that makes it another one, as text. */
  readonly key: string;
  readonly exporter: SpanExporter;
}

/** The tracer of each config, and the exporters: one for as long as its destination stays the same. */
export class Tracing {
  readonly #deps: TracingDeps;
  #current: Destination | undefined;
  /** Requests that are older than the config may still send something there. */
  readonly #retired = new Set<WeakRef<SpanExporter>>();

  constructor(deps: TracingDeps) {
    this.#deps = deps;
  }

  /** Nothing changes before `commit`. */
  prepare(config: TracingConfig | undefined): { readonly tracer: Tracer | undefined; commit(): void } {
    if (config === undefined) return { tracer: undefined, commit: () => this.#commit(undefined) };
    const { sampleRatio, ...destination } = config;
    const key = JSON.stringify(destination);
    const next = this.#current?.key === key ? this.#current : { key, exporter: this.#exporter(config) };
    return {
      tracer: new SamplingTracer(sampleRatio, next.exporter, this.#deps.random),
      commit: () => this.#commit(next),
    };
  }

  /** Sends what is left, for a moment. */
  async stop(): Promise<void> {
    // Responses that have just been cut end with the next turn, and their spans with them.
    await nextTurn();
    const retired = [...this.#retired].flatMap((reference) => reference.deref() ?? []);
    const exporters = this.#current === undefined ? retired : [this.#current.exporter, ...retired];
    await Promise.all(exporters.map((exporter) => exporter.close(FLUSH)));
  }

  #commit(next: Destination | undefined): void {
    const before = this.#current;
    this.#current = next;
    if (before === undefined || before === next) return;
    before.exporter.retire();
    for (const reference of this.#retired) if (reference.deref() === undefined) this.#retired.delete(reference);
    this.#retired.add(new WeakRef(before.exporter));
  }

  #exporter({ endpoint, headers, serviceName }: TracingConfig): SpanExporter {
    const { log, resolveSecret, spans, random, version } = this.#deps;
    const collector = new Collector(endpoint, () => {
      const values = Object.entries(headers).map(([name, secret]) => [name, resolveSecret(secret) ?? ''] as const);
      return Object.fromEntries(values);
    });
    let failing = false;
    return new SpanExporter({
      deliver: (payload) => collector.deliver(payload),
      abort: () => collector.abort(),
      resource: resource(serviceName, version),
      count: (result, count) => {
        spans.cell(result).value += count;
      },
      trouble: (reason) => {
        if (reason === undefined) log.info({ endpoint }, 'traces are exported again');
        else if (!failing) log.warn({ endpoint, reason }, 'traces cannot be exported');
        failing = reason !== undefined;
      },
      random,
    });
  }
}

function resource(serviceName: string, version: string): string {
  return (
    text('service.name', serviceName) +
    text('service.version', version) +
    text('host.name', hostname()) +
    integer('process.pid', process.pid)
  );
}
