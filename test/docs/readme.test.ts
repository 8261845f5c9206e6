import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ALGORITHMS } from '../../src/algorithms/table.ts';
import { parseArgv } from '../../src/cli/argv.ts';
import { COMMANDS, optionsOf } from '../../src/cli/commands.ts';
import { FLAGS } from '../../src/cli/flags.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ENDPOINTS } from '../../src/pipeline/endpoints.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text!);
const load = (text: string) => loadConfig({ files: [{ name: 'README.md', text }], env: {} });

test('every configuration in the README is valid, without a warning', () => {
  assert.equal(blocks('yaml').length, 3);
  for (const text of blocks('yaml')) assert.deepEqual(load(text).diagnostics, [], text);
});

test('Example 1 and the file beside it are the same configuration', () => {
  const [command] = blocks('bash');
  const argv = command!.replaceAll(/\\\n/g, ' ').replaceAll('"', '').trim().split(/\s+/).slice(1);
  const parsed = parseArgv(argv);
  assert.ok('overlay' in parsed, JSON.stringify(parsed));
  const flags = loadConfig({ files: [], overlay: parsed.overlay, env: {} });
  assert.deepEqual(flags.diagnostics, []);
  assert.deepEqual(load(blocks('yaml')[0]!).config, flags.config);
});

test('flags, algorithms, paths and links that it names exist', () => {
  const options = [...FLAGS, ...COMMANDS.flatMap(optionsOf)];
  const known = new Set([...options.map(({ name }) => name), 'global']);
  for (const [, name, star] of readme.matchAll(/[\s`]--([a-z0-9][a-z0-9-]*?)(-\*)?(?=[\s`,=]|$)/gm)) {
    const exists = star ? [...known].some((flag) => flag.startsWith(`${name}-`)) : known.has(name!);
    assert.ok(exists, `--${name}`);
  }
  const section = /^## Algorithms\n(.*?)^## /ms.exec(readme)![1]!;
  const listed = [...section.matchAll(/^\| `([a-z-]+)` \|(?! who)/gm)].map(([, name]) => name!);
  assert.deepEqual(listed.sort(), [...ALGORITHMS].sort());
  for (const [, path] of readme.matchAll(/`(\/v1\/[\w/]+)`/g)) {
    assert.ok(path === '/v1/models' || ENDPOINTS.has(path!), path);
  }
  for (const file of ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...globSync('docs/*.md', { cwd: ROOT })]) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)) {
      assert.ok(existsSync(join(ROOT, dirname(file), target!)), `${file} links to ${target}`);
    }
  }
});
