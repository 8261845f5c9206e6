import type { Core } from './core.ts';
import type { Exchange } from './exchange.ts';
import type { Faults } from './faults.ts';
import type { EngineMetrics } from './metrics.ts';
import type { ModelTable } from './models.ts';
import type { EngineSettings } from './options.ts';

/** What the handlers of a request see of the engine. */
export interface EngineHost {
  readonly settings: EngineSettings;
  readonly core: Core;
  readonly metrics: EngineMetrics;
  readonly models: ModelTable;
  readonly faults: Faults;
  /** 16 hex digits, never twice. */
  nextId(): string;
  /** Sequences that an admission limit counts. */
  readonly load: number;
  readonly draining: boolean;
  /** Healthy as `/health` tells it. */
  readonly healthy: boolean;
  /** 0 awake, 1 or 2 asleep. */
  sleepLevel: number;
  paused: boolean;
  /** Exchanges being answered. */
  readonly open: number;
  /** Something that `until` may wait for has changed. */
  notify(): void;
  /** An exchange is over. */
  left(exchange: Exchange): void;
  /** The engine core dies: every request ends with an error, then the listener goes. */
  killCore(): void;
}
