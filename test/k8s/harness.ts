import { after, afterEach, before } from 'node:test';
import { Cluster, type Role } from './cluster.ts';
import { Engine } from './engines.ts';
import { Follower, type FollowOptions } from './follower.ts';

/** One API server for the tests of a file, emptied between them; what a test starts is stopped after it. */
export interface Harness {
  readonly cluster: Cluster;
  /** The file system root with the service account's folder. */
  readonly root: string;
  follow(options?: Partial<FollowOptions>): Promise<Follower>;
  engine(...models: string[]): Promise<Engine>;
  /** A pod with the engine's address, ready unless the flags say otherwise. */
  pod(name: string, engine: Engine, ...flags: string[]): Promise<string>;
  cleanup(action: () => Promise<unknown>): void;
}

export function useCluster(role: Role, flags: readonly string[] = []): Harness {
  let cluster: Cluster;
  let root: string;
  const cleanups: (() => Promise<unknown>)[] = [];
  before(async () => {
    cluster = await Cluster.start(flags);
    root = await cluster.serviceAccount('router', role);
  });
  after(() => cluster?.stop());
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    await cluster.clear();
  });
  return {
    get cluster() {
      return cluster;
    },
    get root() {
      return root;
    },
    async follow(options = {}) {
      const follower = new Follower(cluster, { root, ...options });
      cleanups.push(() => follower.stop());
      await follower.until(() => follower.lists.length > 0 || follower.errors.length > 0, 'listed');
      return follower;
    },
    async engine(...models) {
      const one = await Engine.start(models);
      cleanups.push(() => one.stop());
      return one;
    },
    pod: (name, engine, ...more) => cluster.do('pod', name, '-ip', '127.0.0.1', '-port', String(engine.port), ...more),
    cleanup(action) {
      cleanups.push(action);
    },
  };
}
