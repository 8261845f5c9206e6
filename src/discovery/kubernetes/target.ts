/** A pod or a service, reduced to what makes a backend of it. */
export interface Target {
  readonly uid: string;
  readonly kind: 'pod' | 'service';
  readonly namespace: string;
  readonly name: string;
  /** Changes with every change of the object; two of the same version are the same. */
  readonly version: string;
  /** Another one means the engine inside was started anew: what it serves has to be asked again before it is believed. */
  readonly incarnation: string;
  /** Undefined while it has no address or no such port. */
  readonly url: string | undefined;
  readonly ready: boolean;
  readonly terminating: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether asking `/is_sleeping` makes sense. */
  readonly sleepMode: boolean;
}

export const SLEEPING_LABEL = 'sleeping';

/** `metadata` as the API sends it, as far as it is read. */
export interface RawMetadata {
  readonly uid?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly resourceVersion?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
}

/** Which port of an object is the engine's: as in the config. */
export type PortRule = number | { readonly name: string } | { readonly annotation: string };

/** The port that `rule` names, or undefined where the object has none such. */
export function resolvePort(
  rule: PortRule,
  annotations: Readonly<Record<string, string>> | undefined,
  named: (name: string) => number | undefined,
): number | undefined {
  if (typeof rule === 'number') return rule;
  if ('name' in rule) return named(rule.name);
  const value = annotations?.[rule.annotation]?.trim();
  if (value === undefined || value === '') return undefined;
  if (!/^\d+$/.test(value)) return named(value);
  const port = Number(value);
  return port >= 1 && port <= 65_535 ? port : undefined;
}
