import type { RoutedRequest } from '../pipeline/routed-request.ts';
import type { RequestTrace, Tracer } from '../pipeline/trace.ts';
import { RequestSpan, type SpanSink } from './request-span.ts';
import { newSpanId, newTraceId, parseTraceparent, traceparentLine, withoutTrace } from './trace-context.ts';

/** Records what the client records; of requests without a `traceparent` a share. */
export class SamplingTracer implements Tracer {
  readonly #ratio: number;
  readonly #exporter: SpanSink;
  readonly #random: () => number;

  /** `ratio`: 0 to 1. */
  constructor(ratio: number, exporter: SpanSink, random: () => number) {
    this.#ratio = ratio;
    this.#exporter = exporter;
    this.#random = random;
  }

  begin(routed: RoutedRequest): RequestTrace {
    const { traceparent } = routed.headers;
    const parent = traceparent === undefined ? undefined : parseTraceparent(String(traceparent));
    if (parent === undefined ? this.#random() < this.#ratio : parent.sampled) {
      return new RequestSpan(routed, parent, routed.startedAt, this.#exporter);
    }
    return parent === undefined ? new Unrecorded(routed) : PASSED_ON;
  }
}

/**
 * The router has decided for all that come after it: an engine that heard nothing would take this for the start of a trace and record
 * each of these requests.
 */
class Unrecorded implements RequestTrace {
  readonly id = undefined;
  readonly #routed: RoutedRequest;

  constructor(routed: RoutedRequest) {
    this.#routed = routed;
  }

  headerLines(lines: string): string {
    const { traceparent, tracestate } = this.#routed.headers;
    const kept = traceparent === undefined && tracestate === undefined ? lines : withoutTrace(lines, false);
    return kept + traceparentLine(newTraceId(), newSpanId(), '00');
  }

  attempt(): undefined {}
  queued(): void {}
  finished(): void {}
}

/** The client has decided, and what it sent says so to engines too. */
const PASSED_ON: RequestTrace = {
  id: undefined,
  headerLines: (lines) => lines,
  attempt: () => undefined,
  queued: () => {},
  finished: () => {},
};
