import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../build.ts';
import { runOnce, start, which } from '../program.ts';
import type { Contestant } from './contestant.ts';

const venv = join(cacheDir, 'peers');

/** Routers from PyPI, each in Rust under a Python launcher, installed into a virtual environment of their own. */
function fromPyPi(
  name: 'rust-router' | 'sglang-router',
  pkg: string,
  about: string,
  module: readonly string[],
): Contestant {
  // Not the scripts in bin/: they name the folder in which the environment was made, and a checkout may have moved.
  const python = join(venv, 'bin/python3');
  return {
    name,
    about,
    // They send typed JSON of their own making, other bytes than the client's.
    loadFlags: ['-rewrites'],
    prepare() {
      if (!existsSync(python)) {
        const system = which('python3');
        if (!system) throw new Error(`${pkg} needs Python 3 with venv: apt-get install python3-venv`);
        mkdirSync(cacheDir, { recursive: true });
        runOnce(system, ['-m', 'venv', venv]);
      }
      try {
        runOnce(python, ['-c', `import ${pkg.replace('-', '_')}`]);
      } catch {
        runOnce(python, ['-m', 'pip', 'install', '--quiet', pkg]);
      }
    },
    start({ engines, port, sparePort, core, dir }) {
      const command = [python, '-m', ...module, '--host', '127.0.0.1', '--port', `${port}`, '--policy', 'round_robin'];
      command.push('--prometheus-host', '127.0.0.1', '--prometheus-port', `${sparePort}`);
      command.push('--worker-urls', ...engines.map((authority) => `http://${authority}`));
      return start({ name, core, command, dir });
    },
  };
}

export const rustRouter = fromPyPi('rust-router', 'vllm-router', "vLLM's Rust router (PyPI vllm-router), round_robin", [
  'vllm_router.launch_router',
]);
export const sglangRouter = fromPyPi('sglang-router', 'sglang-router', 'PyPI sglang-router, round_robin', [
  'sglang_router',
  'launch',
]);
