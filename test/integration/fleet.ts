import type { TestContext } from 'node:test';
import { type Engine, startEngine } from '../../src/simulator/engine/engine.ts';
import type { EngineOptions } from '../../src/simulator/engine/options.ts';
import { RawClient, type RawRequest, type RawResponse, rawRequest } from '../fakes/raw-client.ts';
import {
  configFor,
  type LogLine,
  type SpawnedRouter,
  type SpawnOptions,
  spawnRouter,
  type TestBackend,
} from '../fakes/spawn-router.ts';

export const CHAT = '/v1/chat/completions';

export function chat(model: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { model, messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 4, ...more };
}

export function chatRequest(model: string, more: Readonly<Record<string, unknown>> = {}): RawRequest {
  return { method: 'POST', path: CHAT, body: chat(model, more) };
}

/** What the error object of an answer says. */
export function errorOf(response: { readonly body: Buffer }): { code: unknown; message: string; type: string } {
  return (JSON.parse(response.body.toString()) as { error: { code: unknown; message: string; type: string } }).error;
}

/**
 * One router process in front of simulated engines, which run in the test's own process. Each test has models, and so engines, of its
 * own: what it does to them is nobody else's concern.
 */
export class Fleet {
  readonly engines: ReadonlyMap<string, readonly Engine[]>;
  readonly router: SpawnedRouter;

  private constructor(engines: ReadonlyMap<string, readonly Engine[]>, router: SpawnedRouter) {
    this.engines = engines;
    this.router = router;
  }

  /** `models`: the engines of each model, with their options; their URLs come sorted, so round-robin begins with the first. */
  static async start(
    models: Readonly<Record<string, readonly EngineOptions[]>>,
    config: Readonly<Record<string, unknown>> = {},
    more: readonly TestBackend[] = [],
    spawn: Omit<SpawnOptions, 'config'> = {},
    sources: Readonly<Record<string, unknown>> = {},
  ): Promise<Fleet> {
    const engines = new Map<string, readonly Engine[]>();
    for (const [model, options] of Object.entries(models)) {
      const started = await Promise.all(options.map((option) => startEngine({ models: [model], ...option })));
      engines.set(
        model,
        started.sort((a, b) => (a.url < b.url ? -1 : 1)),
      );
    }
    const backends = [...engines].flatMap(([model, list]) => list.map(({ url }) => ({ url, models: [model] })));
    const settings = configFor([...backends, ...more], { logging: { format: 'json' }, ...config });
    Object.assign(settings['discovery'] as object, sources);
    try {
      return new Fleet(engines, await spawnRouter({ config: settings, ...spawn }));
    } catch (error) {
      await Promise.all([...engines.values()].flat().map((engine) => engine.kill()));
      throw error;
    }
  }

  /** As `start`, for a test that may end its router, or make it end: both are gone with the test, whatever became of them. */
  static async startFor(t: TestContext, ...how: Parameters<typeof Fleet.start>): Promise<Fleet> {
    const fleet = await Fleet.start(...how);
    t.after(async () => {
      await fleet.router.stop('SIGKILL');
      await fleet.#killEngines();
    });
    return fleet;
  }

  get url(): string {
    return this.router.url;
  }

  of(model: string): readonly Engine[] {
    return this.engines.get(model)!;
  }

  request(request: RawRequest): Promise<RawResponse> {
    return rawRequest(this.url, request);
  }

  chat(model: string, more: Readonly<Record<string, unknown>> = {}): Promise<RawResponse> {
    return this.request(chatRequest(model, more));
  }

  /** Sends and stays connected. */
  async open(model: string, more: Readonly<Record<string, unknown>> = {}): Promise<RawClient> {
    const client = await RawClient.open(this.url);
    const body = JSON.stringify(chat(model, more));
    client.send(
      `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    return client;
  }

  /** The access line of the `count`-th request for a model. */
  async line(model: string, count = 1): Promise<LogLine> {
    const lines = () => this.router.logs.filter((line) => line.msg === 'request' && line['model'] === model);
    await this.router.logged(() => lines().length >= count);
    return lines()[count - 1]!;
  }

  /** Samples of /metrics whose name and labels contain all of `parts`. */
  async metrics(...parts: string[]): Promise<Map<string, number>> {
    const { body } = await this.request({ path: '/metrics' });
    const samples = new Map<string, number>();
    for (const line of body.toString().split('\n')) {
      if (line.startsWith('#') || !parts.every((part) => line.includes(part))) continue;
      const space = line.lastIndexOf(' ');
      samples.set(line.slice(0, space), Number(line.slice(space + 1)));
    }
    return samples;
  }

  /** Their sum. */
  async count(...parts: string[]): Promise<number> {
    let sum = 0;
    for (const value of (await this.metrics(...parts)).values()) sum += value;
    return sum;
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.router.child;
    if (exitCode !== null || signalCode !== null) {
      throw new Error(`the router ended (${exitCode ?? signalCode}):\n${this.router.noise.join('\n')}`);
    }
    await this.router.stop('SIGKILL');
    await this.#killEngines();
  }

  async #killEngines(): Promise<void> {
    await Promise.all([...this.engines.values()].flat().map((engine) => engine.kill()));
  }
}

/** Resolves once `condition` holds; rejects after `timeout` ms, which are for a machine that is busy. For what no event tells. */
export async function eventually(condition: () => boolean | Promise<boolean>, timeout = 30_000): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeout} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
