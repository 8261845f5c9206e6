import type { Program } from '../program.ts';

/** Ours once more, told apart by algorithm and number of backends; see `routing.ts`. */
export const routingNames = ['round-robin-8', 'prefix-aware-8', 'round-robin-1000', 'prefix-aware-1000'] as const;
export const contestantNames = ['direct', 'nginx', 'ours', 'rust-router', 'sglang-router', ...routingNames] as const;
export type ContestantName = (typeof contestantNames)[number];

/** What a contestant gets to start with. */
export interface Place {
  /** Authorities (`127.0.0.1:port`) of the engines. */
  readonly engines: readonly string[];
  /** Where it shall listen, on 127.0.0.1. */
  readonly port: number;
  /** For a metrics listener that cannot be switched off. */
  readonly sparePort: number;
  /** Absent: any. */
  readonly core?: number | undefined;
  /** Folder of its own for logs and temporary files. */
  readonly dir: string;
}

/** One way from the load to the engines: a proxy, or none. */
export interface Contestant {
  readonly name: ContestantName;
  readonly about: string;
  /** How many engines stand behind it; 4 unless told otherwise. */
  readonly engines?: number;
  /** Flags that the load generator needs with it. */
  readonly loadFlags?: readonly string[];
  /** Throws an error with a message for the user when it cannot run here. Called once, before anything is started. */
  prepare(): void;
  /** Starts it on one core; `undefined` when there is nothing to start (direct). */
  start(place: Place): Program | undefined;
}

export const direct: Contestant = {
  name: 'direct',
  about: 'no proxy: what the harness itself costs',
  prepare() {},
  start: () => undefined,
};
