import type { Engine } from '../../src/simulator/engine/engine.ts';
import type { SpawnedRouter } from '../fakes/spawn-router.ts';

/** What a suite may use: a router process of its own making, tools, checkouts of suites that no registry has. */
export interface Context {
  /** Checkouts by suite, as given on the command line. */
  readonly checkouts: Readonly<Record<string, string | undefined>>;
  readonly log: (line: string) => void;
}

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Not passed, and meant so; `note` says why. */
  readonly byDesign?: boolean;
  /** What was seen, or why it is not ok. */
  readonly note?: string;
}

export interface SuiteResult {
  /** Which version ran, and how. */
  readonly about: string;
  readonly checks: readonly Check[];
}

/** Why a suite did not run; not a failure of the router. */
export class NotRun extends Error {}

export interface Suite {
  readonly name: string;
  /** What it is, in a line. */
  readonly what: string;
  readonly run: (context: Context) => Promise<SuiteResult>;
}

/** A router and its engines, ended together. */
export interface Setup {
  readonly router: SpawnedRouter;
  readonly engines: readonly Engine[];
  stop(): Promise<void>;
}
