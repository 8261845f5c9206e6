import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const [hook] = parse(readFileSync(join(ROOT, '.pre-commit-hooks.yaml'), 'utf8')) as [{ entry: string }];

/** A clone as pre-commit makes it, and an npm that takes the modules from here and writes down what it was asked. */
function clone(engines: string, npm = 'cp -r "$TOOLS/$1" node_modules') {
  const home = mkdtempSync(join(tmpdir(), 'vllm-router-hook-'));
  for (const name of ['bin', 'src', 'schemas', 'scripts', 'package.json', 'package-lock.json', '.npmrc']) {
    cpSync(join(ROOT, name), join(home, name), { recursive: true });
  }
  const description = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  writeFileSync(join(home, 'package.json'), JSON.stringify({ ...description, engines: { node: engines } }));
  const tools = join(home, 'tools');
  mkdirSync(join(tools, 'ci'), { recursive: true });
  for (const name of ['ajv', 'yaml', 'fast-deep-equal', 'fast-uri', 'json-schema-traverse', 'require-from-string']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(tools, 'ci', name));
  }
  const node = join(tools, 'install', 'node', 'bin');
  mkdirSync(node, { recursive: true });
  symlinkSync(process.execPath, join(node, 'node'));
  writeFileSync(join(tools, 'npm'), `#!/bin/sh\necho "$@" >> "$TOOLS/log"\n${npm}\n`, { mode: 0o755 });
  const log = join(tools, 'log');
  writeFileSync(log, '');
  const config = join(home, 'router.yaml');
  const run = (text: string) => {
    writeFileSync(config, text);
    const env = { ...process.env, PATH: `${tools}${delimiter}${process.env['PATH']}`, TOOLS: tools };
    const { status, stdout, stderr } = spawnSync(join(home, hook.entry), [config], { env, encoding: 'utf8' });
    return { status, text: stdout + stderr };
  };
  const asked = () =>
    readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.replace(/ node@.*/, ' node'));
  const left = () => readdirSync(home).filter((name) => name.startsWith('.hook-'));
  return { run, asked, left, remove: () => rmSync(home, { recursive: true, force: true }) };
}

const GOOD = 'discovery: { gpus: { type: static, backends: [{ url: "http://gpu1:8000" }] } }\n';

test('the hook installs once what it needs, and checks', (t) => {
  const { run, asked, left, remove } = clone('>=22.22.0');
  t.after(remove);
  const good = run(GOOD);
  assert.equal(good.status, 0, good.text);
  const bad = run(`${GOOD}loging: {}\n`);
  assert.equal(bad.status, 1);
  assert.match(bad.text, /router\.yaml:2:1 error: unknown key "loging"/);
  assert.deepEqual(asked(), ['ci --omit=dev --ignore-scripts']);
  assert.deepEqual(left(), []);
});

test('where the Node is too old, the hook fetches one for itself', (t) => {
  const { run, asked, remove } = clone('>=99.1.0');
  t.after(remove);
  const { status, text } = run(GOOD);
  assert.equal(status, 0, text);
  assert.deepEqual(asked(), ['ci --omit=dev --ignore-scripts', 'install --no-save node']);
});

test('an installation that fails is told with what npm says, and the next run tries again', (t) => {
  const { run, asked, left, remove } = clone('>=22.22.0', 'echo "npm error network" >&2; exit 1');
  t.after(remove);
  for (const _ of [1, 2]) {
    const { status, text } = run(GOOD);
    assert.equal(status, 1);
    assert.match(text, /^vllm-router check cannot be installed: npm ci .*\nnpm error network/);
  }
  assert.equal(asked().length, 2);
  assert.deepEqual(left(), []);
});
