import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NotRun } from './suite.ts';

const CACHE = fileURLToPath(new URL('../../.cache/conformance/', import.meta.url));

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; only one that cannot be started rejects. ms. */
export function execute(
  file: string,
  args: readonly string[],
  options: { cwd?: string; timeout?: number; env?: Record<string, string>; input?: string } = {},
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const { input, env, ...rest } = options;
    const settings = { ...rest, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } };
    const child = execFile(file, [...args], settings, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      if (error !== null && (error.code as unknown) === 'ENOENT') reject(error);
      else resolve({ code, stdout, stderr });
    });
    child.stdin?.end(input ?? '');
  });
}

function found(program: string): string | undefined {
  try {
    return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** A program of a Debian package, which is installed where that can be done. */
export async function debian(program: string, name: string): Promise<string> {
  const known = found(program);
  if (known !== undefined) return known;
  if (found('apt-get') !== undefined && process.getuid?.() === 0) {
    await execute('apt-get', ['update', '-q']);
    await execute('apt-get', ['install', '-q', '-y', '--no-install-recommends', name], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  const installed = found(program);
  if (installed === undefined) throw new NotRun(`needs \`${program}\` (Debian package ${name})`);
  return installed;
}

/** The folder of programs of a Python package, installed at this version into an environment of its own. */
export async function python(name: string, version: string): Promise<string> {
  const folder = join(CACHE, `${name}-${version}`);
  const bin = join(folder, 'bin');
  if (existsSync(join(folder, 'ready'))) return bin;
  if (found('python3') === undefined) throw new NotRun('needs python3');
  await execute('python3', ['-m', 'venv', folder]);
  const { code, stderr } = await execute(join(bin, 'pip'), ['install', '--quiet', `${name}==${version}`]);
  if (code !== 0) throw new NotRun(`${name} ${version} could not be installed: ${stderr.trim().split('\n').at(-1)}`);
  mkdirSync(join(folder, 'ready'));
  return bin;
}

/** A program of a Go module, built at this version. */
export async function golang(path: string, version: string): Promise<string> {
  const folder = join(CACHE, 'go', version);
  const program = join(folder, path.split('/').at(-1)!);
  if (existsSync(program)) return program;
  if (found('go') === undefined) throw new NotRun('needs Go');
  mkdirSync(folder, { recursive: true });
  const { code, stderr } = await execute('go', ['install', `${path}@${version}`], { env: { GOBIN: folder } });
  if (code !== 0) throw new NotRun(`${path} could not be built: ${stderr.trim().split('\n').at(-1)}`);
  return program;
}

/** The folder of npm packages at these versions. */
export async function npm(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(CACHE, name);
  if (existsSync(join(folder, 'ready'))) return folder;
  mkdirSync(folder, { recursive: true });
  const { code, stderr } = await execute('npm', ['install', '--no-save', '--prefix', folder, ...packages]);
  if (code !== 0) throw new NotRun(`${packages.join(', ')}: ${stderr.trim().split('\n').at(-1)}`);
  mkdirSync(join(folder, 'ready'));
  return folder;
}

/** The folder where a suite that no registry has lies, given with `--NAME FOLDER`; with its commit. */
export async function checkout(
  name: string,
  repository: string,
  folder: string | undefined,
): Promise<{ folder: string; commit: string }> {
  if (folder === undefined) throw new NotRun(`no registry has it: \`--${name} FOLDER\`, a checkout of ${repository}`);
  if (!existsSync(folder)) throw new NotRun(`${folder} does not exist`);
  const { stdout } = await execute('git', ['-C', folder, 'log', '-1', '--format=%h of %as']);
  return { folder, commit: stdout.trim() };
}
