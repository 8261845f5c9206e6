import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/** ms that an answer is used before the next is asked for: the names of headless services change with their pods. */
const FRESH = 5_000;
/** A name that nobody has used for so long may have moved meanwhile: what is known is then used only after `PATIENCE`. ms. */
const UNUSED = 60_000;
const PATIENCE = 500;
/** "There is no such name" is an answer, though one that resolvers give by mistake while they restart. ms until it is believed. */
const GONE_AFTER = 60_000;
/** Refreshes at once. A lookup that stalls holds one of the pool's threads, and names not known yet need some, too. */
const REFRESHES = 4;

type Done = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void;
export type Resolve = (name: string, done: Done) => void;
/** A known name can no longer be resolved, for this reason; undefined: it can again. Its last addresses are used meanwhile. */
export type NameWatcher = (name: string, error: Error | undefined) => void;

interface Name {
  /** Of the family that the resolver put first; they take turns, as they do in the answers of a DNS server. */
  first: readonly LookupAddress[];
  others: readonly LookupAddress[];
  turn: number;
  /** Goes up when the set of addresses changes; 0 before the first answer. */
  generation: number;
  /** The rest in monotonic ms. */
  dueAt: number;
  usedAt: number;
  patientUntil: number;
  goneSince: number | undefined;
  failing: boolean;
  /** Who waits for the lookup in flight; undefined: none is. */
  waiting: Set<() => void> | undefined;
  error: NodeJS.ErrnoException | null;
}

/**
 * The addresses behind backends' names. libuv lets getaddrinfo have half of its threads, so with a lookup per connection one name that
 * stalled for 10 s took all named backends down. Here a name has one lookup in flight, and with an address known from before nobody
 * waits for it.
 */
export class Addresses {
  readonly #names = new Map<string, Name>();
  readonly #watchers = new Set<NameWatcher>();
  readonly #resolve: Resolve;
  readonly #now: () => number;
  #refreshes = 0;

  /** `now` is monotonic ms. */
  constructor(resolve: Resolve, now: () => number) {
    this.#resolve = resolve;
    this.#now = now;
  }

  /** For `net.connect`, agents and got; never calls back before it returns. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    const family = isIP(host);
    if (family !== 0) {
      const literal = [{ address: host, family }];
      process.nextTick(() => answer(host, literal, options, callback));
      return;
    }
    const name = this.#use(host);
    const finish = () => {
      if (name.first.length > 0) answer(host, inTurn(name), options, callback);
      else callback(name.error ?? notFound(host), '', 0);
    };
    if (name.first.length === 0) {
      this.#ask(host, name).add(finish);
      return;
    }
    const patience = name.patientUntil - this.#now();
    if (name.waiting === undefined || patience <= 0) {
      process.nextTick(finish);
      return;
    }
    const { waiting } = name;
    const stopWaiting = () => {
      clearTimeout(timer);
      waiting.delete(stopWaiting);
      finish();
    };
    const timer = setTimeout(stopWaiting, patience);
    waiting.add(stopWaiting);
  };

  /**
   * Changes when the name's addresses have changed. For connections that stand: they look nothing up, so this is what keeps the answer
   * fresh under steady traffic.
   */
  generation(host: string): number {
    return this.#names.has(host) ? this.#use(host).generation : 0;
  }

  /** Whether the name has this address, as far as is known. */
  has(host: string, address: string | undefined): boolean {
    const name = this.#names.get(host);
    return name !== undefined && [...name.first, ...name.others].some((known) => known.address === address);
  }

  /** Returns what ends it. */
  watch(watcher: NameWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #use(host: string): Name {
    const now = this.#now();
    let name = this.#names.get(host);
    if (name === undefined) {
      // Names come from the config alone, so there are few.
      name = {
        first: [],
        others: [],
        turn: 0,
        generation: 0,
        dueAt: 0,
        usedAt: now,
        patientUntil: 0,
        goneSince: undefined,
        failing: false,
        waiting: undefined,
        error: null,
      };
      this.#names.set(host, name);
    }
    const slept = now - name.usedAt > UNUSED;
    name.usedAt = now;
    if (slept) name.patientUntil = now + PATIENCE;
    // Of one that is no more, too: connections that still stand would never hear that it is back elsewhere.
    if (name.generation > 0 && now >= name.dueAt && (slept || this.#refreshes < REFRESHES)) this.#ask(host, name);
    return name;
  }

  #ask(host: string, name: Name): Set<() => void> {
    if (name.waiting !== undefined) return name.waiting;
    const waiting = new Set<() => void>();
    name.waiting = waiting;
    const refreshes = name.generation > 0 ? 1 : 0;
    this.#refreshes += refreshes;
    this.#resolve(host, (error, addresses) => {
      this.#refreshes -= refreshes;
      name.waiting = undefined;
      name.dueAt = this.#now() + FRESH;
      if (error === null && addresses.length > 0) this.#learn(host, name, addresses);
      else this.#fail(host, name, error ?? notFound(host));
      for (const finish of [...waiting]) finish();
    });
    return waiting;
  }

  #learn(host: string, name: Name, addresses: readonly LookupAddress[]): void {
    const same = addresses.length === name.first.length + name.others.length;
    if (!same || addresses.some(({ address }) => !this.has(host, address))) name.generation++;
    const { family } = addresses[0]!;
    name.first = addresses.filter((address) => address.family === family);
    name.others = addresses.filter((address) => address.family !== family);
    name.goneSince = undefined;
    name.error = null;
    if (name.failing) this.#tell(host, undefined);
    name.failing = false;
  }

  #fail(host: string, name: Name, error: NodeJS.ErrnoException): void {
    name.error = error;
    if (name.first.length === 0) return;
    if (!name.failing) this.#tell(host, error);
    name.failing = true;
    if (error.code !== 'ENOTFOUND') {
      // A resolver that was down in between may be one that restarts.
      name.goneSince = undefined;
      return;
    }
    name.goneSince ??= this.#now();
    if (this.#now() - name.goneSince < GONE_AFTER) return;
    name.first = [];
    name.others = [];
  }

  #tell(host: string, error: Error | undefined): void {
    for (const watcher of this.#watchers) watcher(host, error);
  }
}

function inTurn(name: Name): readonly LookupAddress[] {
  const at = name.turn++ % name.first.length;
  return [...name.first.slice(at), ...name.first.slice(0, at), ...name.others];
}

function answer(
  host: string,
  addresses: readonly LookupAddress[],
  { all, family }: LookupOptions,
  callback: Parameters<LookupFunction>[2],
): void {
  const wanted = family === 4 || family === 'IPv4' ? 4 : family === 6 || family === 'IPv6' ? 6 : 0;
  const fitting = addresses.filter((address) => wanted === 0 || address.family === wanted);
  const [first] = fitting;
  if (first === undefined) callback(notFound(host), '', 0);
  else if (all) callback(null, fitting);
  else callback(null, first.address, first.family);
}

function notFound(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND', hostname: host });
}

/** Of this process: everything that connects to a backend shares them. Both families, as `autoSelectFamily` wants. */
export const addresses = new Addresses(
  (name, done) => dns.lookup(name, { all: true, hints: dns.ADDRCONFIG }, done),
  () => performance.now(),
);
