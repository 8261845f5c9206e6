import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Backend } from '../../src/backends/backend.ts';
import type { BackendSpec } from '../../src/backends/backend-spec.ts';
import type { UpstreamPool } from '../../src/backends/pool.ts';
import { BackendRegistry } from '../../src/backends/registry.ts';
import { Admission } from '../../src/pipeline/admit.ts';
import { Candidates } from '../../src/pipeline/candidates.ts';
import { choose } from '../../src/pipeline/choose.ts';
import { Leg } from '../../src/pipeline/leg.ts';
import type { Route } from '../../src/pipeline/route.ts';
import type { RoutedRequest } from '../../src/pipeline/routed-request.ts';

const BREAKER = { failures: 2, openFor: 1_000, maxOpenFor: 4_000, maxEjected: 0.5 };
const NAMES = ['a', 'b', 'c', 'd', 'e'];
const LIMIT = 2;

/** A fleet on a clock, told of what happens to it; what it answers must be what asking every backend anew would say. */
class Fleet {
  now = 0;
  readonly registry: BackendRegistry;
  readonly candidates: Candidates;
  readonly backends: readonly Backend[];
  readonly #deps = { admission: new Admission(), now: () => this.now, random: () => 0.5 };
  readonly #maxEjected: number;
  readonly #probes = new Set<Backend>();

  constructor(maxEjected: number) {
    const pool = { close: () => {}, destroy: () => {} } as unknown as UpstreamPool;
    this.registry = new BackendRegistry({ createPool: () => pool, now: () => this.now });
    this.#maxEjected = maxEjected;
    this.publish(31, 0);
    this.backends = NAMES.map((name) => this.registry.get(`http://${name}`)!);
    this.candidates = new Candidates(this.registry, { from: ['s'], where: {} }, maxEjected);
  }

  /** Those whose bit is in `listed`; the ones in `ending` are terminating. */
  publish(listed: number, ending: number): void {
    const specs = NAMES.map((name, at): BackendSpec => {
      const url = `http://${name}`;
      const rest = { engineId: url, source: 's', labels: {}, weight: 1, models: [{ id: 'm' }], sleeping: false };
      return { id: url, name: url, url, ...rest, terminating: (ending & (1 << at)) > 0 };
    });
    this.registry.publish(
      's',
      specs.filter((_, at) => (listed & (1 << at)) > 0),
    );
  }

  dispatch(backend: Backend): void {
    if (backend.breaker.dispatched(this.now)) this.#probes.add(backend);
  }

  record(backend: Backend, outcome: 'success' | 'failure' | 'alive' | 'neutral'): void {
    const probe = this.#probes.delete(backend);
    backend.breaker.record(outcome, this.now, BREAKER, { at: this.now, probe });
  }

  check(tried: readonly Backend[], panic: boolean): void {
    const told = this.candidates.available('m', tried, this.now, panic);
    assert.deepEqual(urls(told), urls(this.#available(tried, panic)));
    if (tried.length === 0 && told.length > 0)
      assert.equal(this.candidates.available('m', tried, this.now, panic), told);
    for (const limit of [0, LIMIT]) assert.deepEqual(this.#open(limit), urls(this.#narrowed(limit)));
  }

  /** The definition: every backend is asked. */
  #available(tried: readonly Backend[], panic: boolean): readonly Backend[] {
    const all = this.registry.backends;
    const ejected = all.filter((one) => one.assignable && !one.unhealthy && !one.breaker.admits(this.now));
    const most = Math.max(1, Math.floor(all.length * this.#maxEjected));
    const spared = ejected.sort((a, b) => a.breaker.openedAt - b.breaker.openedAt).slice(most);
    const untried = all.filter((one) => !tried.includes(one));
    const usable = untried.filter((one) => one.available(this.now) || spared.includes(one));
    return usable.length === 0 && panic ? untried.filter((one) => one.assignable) : usable;
  }

  #narrowed(limit: number): readonly Backend[] {
    const open = this.#available([], true).filter(({ load }) => limit === 0 || load.inflight < limit);
    const warm = open.filter((one) => one.share(this.now) > 0.5);
    return warm.length > 0 ? warm : open;
  }

  /** What the route's algorithm is offered. */
  #open(limit: number): readonly string[] {
    let offered: readonly Backend[] = [];
    const pick = (among: readonly Backend[]) => {
      offered = among;
    };
    const config = { limits: { inflightPerBackend: limit } };
    const route = { candidates: this.candidates, algorithm: { pick }, config } as unknown as Route;
    const routed = { model: 'm' } as unknown as RoutedRequest;
    choose(routed, route, new Leg(true, Buffer.alloc(0)), true, this.#deps);
    return urls(offered);
  }
}

const urls = (backends: readonly Backend[]) => backends.map(({ url }) => url);

const which = fc.nat(NAMES.length - 1);
const event = fc.oneof(
  fc.nat(6_000).map((ms) => (fleet: Fleet) => {
    fleet.now += ms;
  }),
  fc.constantFrom(1, 999, 1_000, 9_000).map((ms) => (fleet: Fleet) => {
    fleet.now += ms;
  }),
  which.map(
    (at) =>
      ({ now, backends }: Fleet) =>
        backends[at]!.breaker.trip(now, BREAKER),
  ),
  which.map((at) => (fleet: Fleet) => fleet.dispatch(fleet.backends[at]!)),
  which.map((at) => (fleet: Fleet) => {
    fleet.backends[at]!.breaker.trip(fleet.now, BREAKER);
    fleet.now += BREAKER.maxOpenFor;
    fleet.dispatch(fleet.backends[at]!);
  }),
  fc.tuple(which, fc.constantFrom('success' as const, 'failure' as const, 'alive' as const, 'neutral' as const)).map(
    ([at, outcome]) =>
      (fleet: Fleet) =>
        fleet.record(fleet.backends[at]!, outcome),
  ),
  fc.tuple(which, fc.boolean()).map(([at, healthy]) => ({ now, backends }: Fleet) => {
    backends[at]!.setHealthy(healthy, now);
  }),
  fc.tuple(which, fc.nat(3_000)).map(([at, ms]) => ({ now, backends }: Fleet) => {
    backends[at]!.coolUntil = now + ms;
  }),
  fc.tuple(which, fc.boolean()).map(([at, asleep]) => ({ backends }: Fleet) => {
    backends[at]!.asleep = asleep;
  }),
  fc.tuple(fc.nat(31), fc.nat(31)).map(
    ([listed, ending]) =>
      (fleet: Fleet) =>
        fleet.publish(listed, ending & 5),
  ),
  fc.nat(31).map((ending) => (fleet: Fleet) => fleet.publish(31, ending)),
  fc.tuple(which, fc.boolean()).map(([at, begins]) => ({ backends }: Fleet) => {
    const { load } = backends[at]!;
    if (begins) load.dispatched();
    else if (load.inflight > 0) load.finished();
  }),
);
const question = fc.tuple(fc.subarray([...NAMES.keys()]), fc.boolean());
const always = fc.constant<[number[], boolean]>([[], true]);

test('what is kept of who may get a request is what asking every backend anew would say, whatever happens and when', () => {
  const steps = fc.array(fc.tuple(event, fc.oneof(always, question)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.constantFrom(0, 0.5, 1), (all, maxEjected) => {
      const fleet = new Fleet(maxEjected);
      for (const [happens, [tried, panic]] of all) {
        happens(fleet);
        fleet.check(
          tried.map((at) => fleet.backends[at]!),
          panic,
        );
      }
      fleet.registry.destroy();
    }),
    { numRuns: 500 },
  );
});
