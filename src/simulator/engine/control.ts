import type { Engine } from './engine.ts';
import type { Exchange } from './exchange.ts';
import type { Fault } from './faults.ts';

/** `/simulator/*`: faults and state of an engine in another process. */
export function control(engine: Engine, exchange: Exchange): void {
  const { method } = exchange.req;
  if (exchange.path === '/simulator/state' && method === 'GET') {
    exchange.json(200, stateOf(engine));
    return;
  }
  if (exchange.path !== '/simulator/faults') {
    exchange.json(404, { detail: 'Not Found' });
    return;
  }
  if (method === 'DELETE') engine.faults.clear();
  else if (method === 'POST') applyFaults(engine, JSON.parse(exchange.body.toString()));
  exchange.json(200, { faults: engine.faults.current, hits: engine.faults.hits });
}

/** One fault or a list of them replaces what was switched on; `[]` clears. */
export function applyFaults(engine: Engine, value: Fault | readonly Fault[]): void {
  engine.faults.set(...(Array.isArray(value) ? value : [value]));
}

export interface EngineState {
  readonly running: number;
  readonly waiting: number;
  readonly open: number;
  readonly connections: number;
  readonly received: number;
  readonly completed: number;
  readonly aborted: number;
  readonly failed: number;
  readonly faultHits: number;
  readonly requests: readonly { method: string; url: string; requestId: string; model?: string; outcome: string }[];
}

function stateOf(engine: Engine): EngineState {
  return {
    running: engine.running,
    waiting: engine.waiting,
    open: engine.open,
    connections: engine.connections,
    ...engine.counts,
    faultHits: engine.faults.hits,
    requests: engine.requests.slice(-100).map(({ method, url, requestId, model, outcome, status, tokens }) => ({
      method,
      url,
      requestId,
      ...(model !== undefined && { model }),
      status,
      tokens,
      outcome,
    })),
  };
}
