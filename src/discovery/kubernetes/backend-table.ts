import type { Secret } from '../../config/config.ts';
import type { BackendSpec, ModelCard } from '../source.ts';
import { uuid5 } from '../uuid5.ts';
import { SLEEPING_LABEL, type Target } from './target.ts';

/** How soon others must hear of a change: a backend that may get nothing more cannot wait, one more can. */
export type Urgency = 'now' | 'soon';

export type KnownBackend = Pick<BackendSpec, 'url' | 'models' | 'sleeping'>;

export interface BackendTableOptions {
  readonly source: string;
  readonly apiKey?: Secret | undefined;
  /** With several namespaces a name alone is not unique. */
  readonly severalNamespaces: boolean;
  /** What a source before this one knew of a backend; holds until it answers itself. */
  readonly known?: ((uid: string) => KnownBackend | undefined) | undefined;
  /** Ask this backend from now on; `anew`: forget what it said before. */
  readonly watch: (target: Target, anew: boolean) => void;
  /** Ask it again now. */
  readonly probeNow: (uid: string) => void;
  readonly unwatch: (uid: string) => void;
  readonly changed: (urgency: Urgency) => void;
}

interface Entry {
  target: Target;
  readonly engineId: string;
  readonly scope: string;
  /** False while the API does not list it any more but its absence is not believed yet. */
  listed: boolean;
  /** It holds its address until this one has named its models. */
  successor: string | undefined;
  cards: readonly ModelCard[];
  /** Failed probes in a row. */
  failures: number;
  /** Whether a probe has ended, well or not. */
  settled: boolean;
  /** What the engine itself says of sleeping; undefined where it does not say. */
  asleep: boolean | undefined;
  /** What this router was told by its own /sleep and /wake_up; ends when label or engine say something new. */
  told: boolean | undefined;
  spec: BackendSpec | undefined;
}

/**
 * All pods or services that the API knows, and the backends they make. Keyed by UID: a new pod on an old IP is a new backend, and
 * has no models before it has named them itself. No I/O.
 */
export class BackendTable {
  readonly #options: BackendTableOptions;
  readonly #entries = new Map<string, Entry>();
  /** Scopes (namespaces) whose absence or age makes a failing probe count. */
  readonly #doubted = new Set<string>();
  /** Whether any entry may have a successor. */
  #inherited = false;

  constructor(options: BackendTableOptions) {
    this.#options = options;
  }

  /** Backends as they are to be published now. */
  specs(): BackendSpec[] {
    const specs: BackendSpec[] = [];
    for (const { spec } of this.#entries.values()) if (spec) specs.push(spec);
    return specs;
  }

  get(uid: string): Target | undefined {
    return this.#entries.get(uid)?.target;
  }

  /** Objects of a scope, ready or not. */
  size(scope: string): number {
    let size = 0;
    for (const entry of this.#entries.values()) if (entry.scope === scope) size++;
    return size;
  }

  /** UIDs of ready backends that no probe has answered or failed for yet. */
  unsettled(): string[] {
    const uids: string[] = [];
    for (const [uid, entry] of this.#entries) if (isServing(entry.target) && !entry.settled) uids.push(uid);
    return uids;
  }

  apply(scope: string, target: Target): void {
    let entry = this.#entries.get(target.uid);
    // A relist repeats what is known; asking a thousand pods for their models again would be for nothing.
    if (entry?.target.version === target.version) {
      entry.listed = true;
      return;
    }
    const old = entry?.target;
    const anew = old === undefined || old.incarnation !== target.incarnation || old.url !== target.url;
    if (!entry) {
      const { name, namespace } = target;
      entry = {
        target,
        engineId: uuid5(this.#options.severalNamespaces ? `${name}.${namespace}` : name),
        scope,
        listed: true,
        successor: undefined,
        cards: [],
        failures: 0,
        settled: false,
        asleep: undefined,
        told: undefined,
        spec: undefined,
      };
      this.#entries.set(target.uid, entry);
    }
    entry.target = target;
    entry.listed = true;
    entry.successor = undefined;
    if (anew || isLabelledAsleep(old!) !== isLabelledAsleep(target)) {
      entry.asleep = undefined;
      entry.told = undefined;
    }
    if (anew) {
      const known = old ? undefined : this.#options.known?.(target.uid);
      const same = known !== undefined && known.url === target.url;
      entry.cards = same ? known.models : [];
      // Without the right to write the label, only the router knows who sleeps.
      if (same && known.sleeping && !isLabelledAsleep(target)) entry.told = true;
    }
    // A pod gets its address some time after it was made.
    if (isServing(target) && !entry.settled) this.#succeed(target);
    if (!isServing(target)) this.#options.unwatch(target.uid);
    else if (anew || !isServing(old!)) this.#options.watch(target, anew);
    else this.#options.probeNow(target.uid);
    this.#refresh(entry);
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#entries.delete(uid);
    this.#options.unwatch(uid);
    this.#endPredecessors(uid);
    if (entry.spec) this.#options.changed('now');
  }

  /**
   * A complete list of a scope. What it lacks goes, but where a new object is on the address of one that is gone (a restored etcd,
   * whose objects were made again around engines that never stopped), the old one serves until the new one has named its models.
   */
  replace(scope: string, targets: readonly Target[]): void {
    const present = new Set(targets.map((target) => target.uid));
    const unsettled = targets.filter((target) => isServing(target) && !this.#entries.get(target.uid)?.settled);
    const successors = new Map(unsettled.map((target) => [target.url, target.uid]));
    for (const [uid, entry] of this.#entries) {
      if (entry.scope !== scope || present.has(uid)) continue;
      const successor = isServing(entry.target) ? successors.get(entry.target.url) : undefined;
      if (successor === undefined) {
        this.remove(uid);
        continue;
      }
      entry.listed = false;
      entry.successor = successor;
      this.#inherited = true;
    }
    for (const target of targets) this.apply(scope, target);
  }

  /** The API says there is nothing left of this scope: kept, each until another one serves on its address. */
  unlist(scope: string): void {
    for (const entry of this.#entries.values()) if (entry.scope === scope) entry.listed = false;
  }

  /** In a doubted scope a backend that fails its probe is not published until it answers. */
  doubt(scope: string, doubted: boolean): void {
    if (this.#doubted.has(scope) === doubted) return;
    if (doubted) this.#doubted.add(scope);
    else this.#doubted.delete(scope);
    for (const [uid, entry] of this.#entries) {
      if (entry.scope !== scope) continue;
      this.#refresh(entry);
      if (doubted && isServing(entry.target)) this.#options.probeNow(uid);
    }
  }

  /** A probe was answered; cards only where they differ from before. */
  answered(uid: string, cards?: readonly ModelCard[]): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.settled = true;
    entry.failures = 0;
    if (cards) entry.cards = cards;
    this.#refresh(entry);
    this.#endPredecessors(uid);
  }

  failed(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.settled = true;
    entry.failures++;
    this.#refresh(entry);
    this.#endPredecessors(uid);
  }

  /** What the engine answered to `/is_sleeping`. */
  saidAsleep(uid: string, asleep: boolean | undefined): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.asleep = asleep;
    if (asleep !== undefined && asleep !== entry.told) entry.told = undefined;
    this.#refresh(entry);
  }

  /** This router put it to sleep or woke it. */
  tell(uid: string, sleeping: boolean): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.told = sleeping;
    this.#refresh(entry);
  }

  /** An address seen again belongs to the new object, not to one whose absence is merely not believed yet. */
  #succeed(target: Target): void {
    for (const other of this.#entries.values()) {
      if (!other.listed && other.target.url === target.url) {
        other.successor = target.uid;
        this.#inherited = true;
      }
    }
  }

  #endPredecessors(uid: string): void {
    if (!this.#inherited) return;
    this.#inherited = false;
    for (const [old, { successor }] of this.#entries) {
      if (successor === uid) this.remove(old);
      else if (successor !== undefined) this.#inherited = true;
    }
  }

  #refresh(entry: Entry): void {
    const old = entry.spec;
    const spec = this.#spec(entry);
    if (spec === old || (spec && old && sameSpec(spec, old))) return;
    entry.spec = spec;
    const lost = old && (!spec || spec.terminating !== old.terminating || spec.sleeping !== old.sleeping);
    this.#options.changed(lost ? 'now' : 'soon');
  }

  #spec(entry: Entry): BackendSpec | undefined {
    const { target, engineId, cards, asleep, told } = entry;
    const { url, uid, name, namespace, terminating, labels } = target;
    if (url === undefined || !(terminating || target.ready)) return undefined;
    if (!terminating && entry.failures > 0 && this.#doubted.has(entry.scope)) return undefined;
    const { source, apiKey } = this.#options;
    return {
      id: uid,
      engineId,
      name: `${namespace}/${name}`,
      url,
      source,
      labels,
      weight: 1,
      ...(apiKey && { apiKey }),
      models: cards,
      terminating,
      sleeping: told ?? (isLabelledAsleep(target) || asleep === true),
    };
  }
}

function isServing(target: Target): boolean {
  return target.ready && !target.terminating && target.url !== undefined;
}

function isLabelledAsleep(target: Target): boolean {
  return target.labels[SLEEPING_LABEL] === 'true';
}

function sameSpec(a: BackendSpec, b: BackendSpec): boolean {
  return (
    a.url === b.url &&
    a.models === b.models &&
    a.terminating === b.terminating &&
    a.sleeping === b.sleeping &&
    sameLabels(a.labels, b.labels)
  );
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
