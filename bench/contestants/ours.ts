import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { start } from '../program.ts';
import type { Contestant } from './contestant.ts';

const bin = resolve(import.meta.dirname, '../../bin/vllm-router.js');

/** Our router from the sources, with the config that has everything on; stdout, where the access log goes, is a file. */
export function ours(config: string, nodeFlags: readonly string[] = []): Contestant {
  return {
    name: 'ours',
    about: `this project, ${config}`,
    prepare() {
      if (!existsSync(bin)) throw new Error(`${bin} is missing`);
      if (Number.parseInt(process.versions.node, 10) < 24) {
        throw new Error(
          `this is Node ${process.versions.node}: start the benchmark by npm run bench, which has Node 24`,
        );
      }
    },
    start({ engines, port, core, dir }) {
      const env: Record<string, string> = { BENCH_PORT: `${port}` };
      engines.forEach((authority, i) => {
        env[`BENCH_ENGINE_${i + 1}`] = authority;
      });
      const flags = nodeFlags.map((flag) => flag.replace('DIR', join(dir, 'profile')));
      const command = [process.execPath, ...shebangFlags(), ...flags, bin, '--config', resolve(config)];
      return start({ name: 'ours', core, command, dir, env });
    },
  };
}

/** The flags that the program starts Node with when it is started by its name. */
function shebangFlags(): string[] {
  const [first = ''] = readFileSync(bin, 'utf8').split('\n', 1);
  return first.split(' ').filter((word) => word.startsWith('--'));
}
