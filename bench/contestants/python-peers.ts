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
  args: readonly string[],
): Contestant {
  const program = join(venv, 'bin', pkg);
  return {
    name,
    about,
    // They send typed JSON of their own making, other bytes than the client's.
    loadFlags: ['-rewrites'],
    prepare() {
      if (existsSync(program)) return;
      const python = which('python3');
      if (!python) throw new Error(`${pkg} needs Python 3 with venv: apt-get install python3-venv`);
      mkdirSync(cacheDir, { recursive: true });
      if (!existsSync(join(venv, 'bin/pip'))) runOnce(python, ['-m', 'venv', venv]);
      runOnce(join(venv, 'bin/pip'), ['install', '--quiet', pkg]);
    },
    start({ engines, port, sparePort, core, dir }) {
      const command = [program, ...args, '--host', '127.0.0.1', '--port', `${port}`, '--policy', 'round_robin'];
      command.push('--prometheus-host', '127.0.0.1', '--prometheus-port', `${sparePort}`);
      command.push('--worker-urls', ...engines.map((authority) => `http://${authority}`));
      return start({ name, core, command, dir });
    },
  };
}

export const rustRouter = fromPyPi(
  'rust-router',
  'vllm-router',
  "vLLM's Rust router (PyPI vllm-router), round_robin",
  [],
);
export const sglangRouter = fromPyPi('sglang-router', 'sglang-router', 'PyPI sglang-router, round_robin', ['launch']);
