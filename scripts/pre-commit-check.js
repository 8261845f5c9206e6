#!/usr/bin/env node
// The hook of .pre-commit-hooks.yaml, run from pre-commit's clone of this repository. Plain JavaScript: any Node runs it.
//
// Not `language: node`: that is `npm install --global git+file://…`, within which npm builds the package by another `npm install` that
// inherits `--global`. Both write the same folder of global packages, and now and then one finds it changed: ENOTEMPTY (npm 11.19).
// And its Node is the system's, which may be too old. Here the first run installs what the lock file says, and a Node beside where one is
// needed.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HOME = fileURLToPath(new URL('..', import.meta.url));
const MODULES = join(HOME, 'node_modules');
const OWN_NODE = join(MODULES, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

const [, wantedMajor, wantedMinor] = /(\d+)\.(\d+)/.exec(packageOf('package.json').engines.node).map(Number);
const [major, minor] = process.versions.node.split('.').map(Number);
const isOld = major < wantedMajor || (major === wantedMajor && minor < wantedMinor);

const isInstalled = () => existsSync(isOld ? OWN_NODE : MODULES);
if (!isInstalled()) {
  try {
    install();
  } catch (problem) {
    // Another run may have been first.
    if (!isInstalled()) fail(problem.message);
  }
}
const node = isOld ? OWN_NODE : process.execPath;
const check = ['--disable-warning=ExperimentalWarning', join(HOME, 'bin', 'vllm-router.js'), 'check', '--no-secrets'];
const { status, error } = spawnSync(node, [...check, ...process.argv.slice(2)], { stdio: 'inherit' });
if (error) fail(`cannot run ${node}: ${error.message}`);
process.exit(status ?? 1);

/** Beside, then moved in one step: whoever interrupts it, or does it at the same time, leaves nothing half done. */
function install() {
  const place = mkdtempSync(join(HOME, '.hook-'));
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(HOME, file), join(place, file));
    npm(place, 'ci', '--omit=dev', '--ignore-scripts');
    if (isOld) {
      // By itself: what else is for developers has a gigabyte. Its install script fetches the binary.
      const apart = join(place, 'apart');
      mkdirSync(apart);
      writeFileSync(join(apart, 'package.json'), JSON.stringify({ allowScripts: { node: true } }));
      npm(
        apart,
        'install',
        '--no-save',
        `node@${packageOf('package-lock.json').packages['node_modules/node'].version}`,
      );
      renameSync(join(apart, 'node_modules', 'node'), join(place, 'node_modules', 'node'));
    }
    rmSync(MODULES, { recursive: true, force: true });
    renameSync(join(place, 'node_modules'), MODULES);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function npm(cwd, ...args) {
  const shell = process.platform === 'win32';
  const { status, error, stderr } = spawnSync('npm', args, { cwd, shell, encoding: 'utf8' });
  if (error) throw new Error(`npm, which comes with Node, cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`npm ${args.join(' ')}\n${stderr}`);
}

function packageOf(file) {
  return JSON.parse(readFileSync(join(HOME, file), 'utf8'));
}

function fail(problem) {
  process.stderr.write(`vllm-router check cannot be installed: ${problem}\n`);
  process.exit(1);
}
