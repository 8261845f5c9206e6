import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runOnce, which } from './program.ts';

/** Where everything goes that the benchmark makes; git ignores node_modules. */
export const cacheDir = resolve(import.meta.dirname, '../node_modules/.cache/bench');

export interface LoadPrograms {
  readonly engine: string;
  readonly load: string;
}

/** Builds the engine and the load generator; throws an error with a message for the user when Go is missing. */
export function buildLoadPrograms(): LoadPrograms {
  const go = which('go');
  if (!go)
    throw new Error(
      'The engine and the load generator are Go programs: install Go 1.21 or newer (apt install golang-go)',
    );
  const bin = join(cacheDir, 'bin');
  mkdirSync(bin, { recursive: true });
  runOnce(go, ['build', '-o', bin, './engine', './load'], join(import.meta.dirname, 'load'));
  return { engine: join(bin, 'engine'), load: join(bin, 'load') };
}
