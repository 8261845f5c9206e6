import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import type { EngineOptions } from '../../src/simulator/engine/options.ts';
import { type SpawnedRouter, spawnRouter } from '../fakes/spawn-router.ts';
import type { Cluster } from './cluster.ts';

/** ms that a terminating pod goes on as before, as its preStop has it. */
const PRE_STOP = 500;

/** Pods with simulated engines in them, and a router process that finds them. */
export class Fleet {
  readonly #cluster: Cluster;
  readonly engines = new Map<string, Engine>();
  router!: SpawnedRouter;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Starts the router as the service account whose folder is in `root`, with this source and `more` sections. */
  async start(root: string, source: object = {}, more: object = {}): Promise<void> {
    this.router = await spawnRouter({
      config: {
        version: 1,
        listeners: {
          public: { bind: '127.0.0.1:0', serve: ['openai', 'health', 'metrics'] },
          admin: { bind: '127.0.0.1:0', serve: ['health', 'metrics', 'admin'] },
        },
        discovery: { cluster: { type: 'k8s', labelSelector: 'app=vllm', portName: 'http', ...source } },
        shutdown: { delay: '0s', drain: '5s' },
        ...more,
      },
      env: { KUBECONFIG: await kubeconfig(this.#cluster, root) },
    });
  }

  /** A pod whose engine is up. */
  async add(name: string, options: EngineOptions = {}, ...flags: string[]): Promise<Engine> {
    const engine = await startEngine({ models: ['m1'], decodeRate: 400, ...options });
    this.engines.set(name, engine);
    await this.#cluster.do('pod', name, '-ip', '127.0.0.1', '-port', String(engine.port), ...flags);
    return engine;
  }

  /** What a kubelet does with a deleted pod: preStop, SIGTERM, and its removal when the container has ended. */
  async terminate(name: string): Promise<void> {
    await this.#cluster.do('rm', name);
    await new Promise((resolve) => setTimeout(resolve, PRE_STOP));
    await this.engines.get(name)!.terminate(10_000);
    await this.#cluster.do('rm', name, '-force');
    this.engines.delete(name);
  }

  /** Polls: resolves once the router lists exactly these models (or their backends, by engine id). */
  async lists(
    condition: (engines: readonly { engine_id: string; serving_models: string[] }[]) => boolean,
  ): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const answer = await fetch(`${this.router.url}/engines`);
      const engines = (await answer.json()) as { engine_id: string; serving_models: string[] }[];
      if (condition(engines)) return;
      if (performance.now() > deadline) throw new Error(`the router lists ${JSON.stringify(engines)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    await this.router?.stop();
    for (const engine of this.engines.values()) await engine.kill();
  }
}

/** A kubeconfig of the service account, for a process that is not in a pod. */
async function kubeconfig(cluster: Cluster, root: string): Promise<string> {
  const folder = join(root, 'var/run/secrets/kubernetes.io/serviceaccount');
  const path = join(root, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'c',
        cluster: { server: `https://127.0.0.1:${cluster.port}`, 'certificate-authority': join(folder, 'ca.crt') },
      },
    ],
    users: [
      { name: 'u', user: { 'auth-provider': { name: 'tokenFile', config: { tokenFile: join(folder, 'token') } } } },
    ],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'default' } }],
    'current-context': 'x',
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}
