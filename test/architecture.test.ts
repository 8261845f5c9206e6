import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ERRORS } from '../src/errors.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** From top to bottom: what stands in a line may import what stands in a later one. */
const LAYERS = [
  ['main'],
  ['cli'],
  ['simulator'],
  ['runtime'],
  ['admin', 'tracing'],
  ['pipeline'],
  ['discovery', 'proxy', 'algorithms'],
  ['backends'],
  ['stats'],
  ['config'],
  ['log', 'fresh-agent'],
  ['addresses', 'errors', 'units', 'version', 'log-line', 'log-sink', 'body-memory'],
];
/** The simulator runs the router's algorithms and nothing else of it. */
const SIMULATOR_IMPORTS = ['algorithms', 'stats', 'config', 'errors', 'units', 'log', 'version'];

/** The one place of each package. */
const VENDORS: Readonly<Record<string, readonly string[]>> = {
  '@koa/router': ['pipeline/', 'admin/', 'runtime/'],
  '@kubernetes/client-node': ['discovery/'],
  ajv: ['config/'],
  chokidar: ['runtime/watcher.ts'],
  got: ['discovery/', 'backends/'],
  koa: ['pipeline/', 'admin/', 'runtime/'],
  pino: ['log.ts'],
  'prom-client': ['stats/'],
  undici: ['discovery/'],
  yaml: ['config/'],
};

const files = globSync('src/**/*.ts', { cwd: ROOT }).sort();

/** Modules that `file` names in imports, exports and `import()`: paths from the root for ours, names for others. */
function importsOf(file: string, types = true): string[] {
  const text = types ? read(file) : read(file).replace(/^import type [^;]*;/gm, '');
  const found = text.matchAll(/(?:^|\s)(?:import|export)\b[^'";]*?\bfrom '([^']+)'|\bimport\('([^']+)'\)/gm);
  return [...found].map(([, from, dynamic]) => {
    const name = (from ?? dynamic)!;
    return name.startsWith('.') ? normalize(join(dirname(file), name)) : name;
  });
}

/** `cli` of src/cli/argv.ts, `main` of src/main.ts. */
const partOf = (file: string) => file.split('/')[1]!.replace(/\.ts$/, '');
const rank = (part: string) => LAYERS.findIndex((layer) => layer.includes(part));

test('imports point one way', () => {
  for (const file of files) {
    const from = partOf(file);
    assert.ok(rank(from) >= 0, `${file}: where does "${from}" stand?`);
    for (const target of importsOf(file).filter((name) => name.startsWith('src/'))) {
      const to = partOf(target);
      if (to === from) continue;
      assert.ok(rank(to) > rank(from), `${file} imports ${target}`);
      if (from === 'simulator') assert.ok(SIMULATOR_IMPORTS.includes(to), `${file} imports ${target}`);
      if (to === 'simulator') assert.equal(from, 'cli', `${file} imports ${target}`);
    }
  }
});

test('imports have no cycles', () => {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]) => {
    assert.ok(!path.includes(file), [...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file)) return;
    // Two types may know each other: nothing of that is left when the code runs.
    for (const target of importsOf(file, false)) if (target.startsWith('src/')) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test('each package has one place, and is needed', () => {
  const used = new Set<string>();
  for (const file of files) {
    for (const name of importsOf(file)) {
      if (name.startsWith('src/') || name.startsWith('node:')) continue;
      const vendor = name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : name.split('/')[0]!;
      used.add(vendor);
      const places = VENDORS[vendor] ?? [];
      assert.ok(
        places.some((place) => file.startsWith(`src/${place}`)),
        `${file} imports ${name}`,
      );
    }
  }
  assert.deepEqual(Object.keys(JSON.parse(read('package.json')).dependencies).sort(), [...used].sort());
});

test('files are short and named for what they hold', () => {
  for (const file of files) {
    const lines = read(file).split('\n').length - 1;
    assert.ok(lines <= 300, `${file} has ${lines} lines`);
    assert.doesNotMatch(basename(file), /^(?:utils?|helpers?|common|misc)\.ts$/, file);
  }
});

test('docs/errors.md has every error, with its status, and no other', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ]);
  assert.deepEqual(
    Object.fromEntries(rows),
    Object.fromEntries(Object.entries(ERRORS).map(([code, { status }]) => [code, status])),
  );
});
