import type { Readiness, ServiceTarget } from './service.ts';
import type { Target } from './target.ts';

/** What a changed join means for the table of backends. */
export interface TargetSink {
  apply(target: Target): void;
  remove(uid: string): void;
  replace(targets: readonly Target[]): void;
}

/**
 * Puts services and their endpoints together: two watches of one namespace, in any order. A service without ready endpoints is a
 * target that is not ready; a change of either is a new version.
 */
export class ServiceJoin {
  readonly #sink: TargetSink;
  readonly #services = new Map<string, ServiceTarget>();
  readonly #readiness = new Map<string, Readiness>();
  /** Object names of the readiness of a service. */
  readonly #objects = new Map<string, Set<string>>();
  #servicesListed = false;
  #readinessListed = false;

  constructor(sink: TargetSink) {
    this.#sink = sink;
  }

  get size(): number {
    return this.#services.size;
  }

  get readinessSize(): number {
    return this.#readiness.size;
  }

  setServices(services: readonly ServiceTarget[]): void {
    this.#services.clear();
    for (const service of services) this.#services.set(service.name, service);
    this.#servicesListed = true;
    this.#replace();
  }

  setReadiness(all: readonly Readiness[]): void {
    this.#readiness.clear();
    this.#objects.clear();
    for (const one of all) this.#put(one);
    this.#readinessListed = true;
    this.#replace();
  }

  applyService(service: ServiceTarget): void {
    const old = this.#services.get(service.name);
    if (old && old.uid !== service.uid) this.#sink.remove(old.uid);
    this.#services.set(service.name, service);
    this.#apply(service.name);
  }

  removeService(service: ServiceTarget): void {
    if (this.#services.get(service.name)?.uid === service.uid) this.#services.delete(service.name);
    this.#sink.remove(service.uid);
  }

  applyReadiness(one: Readiness): void {
    this.#put(one);
    this.#apply(one.service);
  }

  removeReadiness(one: Readiness): void {
    this.#readiness.delete(one.object);
    const objects = this.#objects.get(one.service);
    objects?.delete(one.object);
    if (objects?.size === 0) this.#objects.delete(one.service);
    this.#apply(one.service);
  }

  #put(one: Readiness): void {
    this.#readiness.set(one.object, one);
    const objects = this.#objects.get(one.service) ?? new Set();
    this.#objects.set(one.service, objects.add(one.object));
  }

  #apply(name: string): void {
    const service = this.#services.get(name);
    if (service && this.#complete) this.#sink.apply(this.#join(service));
  }

  /** Only once both lists are there: half a picture would take every service for unready. */
  #replace(): void {
    if (this.#complete) this.#sink.replace([...this.#services.values()].map((service) => this.#join(service)));
  }

  get #complete(): boolean {
    return this.#servicesListed && this.#readinessListed;
  }

  #join(service: ServiceTarget): Target {
    let ready = false;
    let version = service.version;
    for (const object of this.#objects.get(service.name) ?? []) {
      const one = this.#readiness.get(object)!;
      ready ||= one.ready;
      version += `/${one.version}`;
    }
    return { ...service, version, ready };
  }
}
