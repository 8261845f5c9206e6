import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ours } from '../contestants/ours.ts';
import { type Harness, type LoadResult, load, startEngines as startAll, untilItServes } from '../measure.ts';
import { freePort, type Program } from '../program.ts';
import { routerConfig } from '../router-config.ts';

/** Where a part runs, and what it says meanwhile. */
export interface Stage {
  readonly harness: Harness;
  readonly engineProgram: string;
  /** Folder of the part. */
  readonly dir: string;
  readonly say: (text: string) => void;
}

export interface Engines {
  readonly program: Program;
  readonly addresses: readonly string[];
}

/** Starts one process of engines. A port of 0 is chosen by the system. */
export async function startEngines(stage: Stage, name: string, flags: readonly string[], port = 0): Promise<Engines> {
  const { engineProgram, dir, harness } = stage;
  return await startAll(engineProgram, ['-port', `${port}`, ...flags], harness.loadCore, dir, name);
}

export interface Router {
  readonly program: Program;
  readonly address: string;
  /** The router's metrics page. */
  metrics(): Promise<string>;
}

/** Starts a router in front of the engines, everything on that a deployment has, and waits until it serves. */
export async function startRouter(
  stage: Stage,
  engines: readonly string[],
  nodeFlags: readonly string[] = [],
): Promise<Router> {
  const port = await freePort();
  const file = join(stage.dir, 'router.yaml');
  writeFileSync(file, JSON.stringify(routerConfig(engines, port), null, 2));
  const place = { engines, port, sparePort: 0, core: stage.harness.proxyCore, dir: stage.dir };
  const program = ours(file, nodeFlags).start(place)!;
  const address = `127.0.0.1:${port}`;
  try {
    await untilItServes(address, program);
  } catch (error) {
    await program.stop();
    throw error;
  }
  return { program, address, metrics: () => page(address) };
}

export async function page(address: string): Promise<string> {
  return await (await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(10_000) })).text();
}

/** The sum of a metric's samples whose line holds `label`. */
export function sumOf(text: string, name: string, label = ''): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || !line.includes(label)) continue;
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

/** Puts one load on the targets; `mark` is called when its measured window begins and ends. */
export function put(
  stage: Stage,
  name: string,
  targets: readonly string[],
  flags: string,
  mark: (event: 'start' | 'end') => void = () => {},
): Promise<LoadResult> {
  return load(stage.harness, join(stage.dir, name), targets, flags.split(' '), mark);
}

export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Looks each `every` ms until the value is what is wanted, or for so many ms; returns the last one. */
export async function until<T>(look: () => T | Promise<T>, wanted: (value: T) => boolean, ms: number): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const value = await look();
    if (wanted(value) || performance.now() > end) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
