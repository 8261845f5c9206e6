import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COUNT = 64;
/** Where the router is a process of its own. */
const WHOLE = /^test\/(?:integration|k8s|security)\//;
const document = readFileSync(join(ROOT, 'docs/faults.md'), 'utf8');

/** The failures that a title begins with: `fault 3: …`, `faults 14, 23: …`, `faults 40 to 42: …`. */
function numbersOf(title: string): number[] {
  const numbers = title.match(/\d+/g)!.map(Number);
  if (!title.includes(' to ')) return numbers;
  const [first, last] = numbers as [number, number];
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Fault → files with a test of that name. */
function named(): Map<number, Set<string>> {
  const files = globSync('test/**/*.{test,k8s}.ts', { cwd: ROOT }).filter((file) => !file.startsWith('test/docs/'));
  const found = new Map<number, Set<string>>();
  for (const file of files) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const [, title] of text.matchAll(/(?:\btest\(|\[)['"`]faults? (\d+(?:, \d+| to \d+)*): /g)) {
      for (const number of numbersOf(title!)) found.set(number, (found.get(number) ?? new Set()).add(file));
    }
  }
  return found;
}

/** Number → files, of each row. */
function rows(): [number, string[]][] {
  const links = new Map([...document.matchAll(/^\[([\w/-]+)\]: (\S+)$/gm)].map(([, name, path]) => [name!, path!]));
  return [...document.matchAll(/^\| (\d+) \|.*\| ([^|]*) \|$/gm)].map(([, number, tests]) => {
    const names = [...tests!.matchAll(/\[([^\]]+)\]/g)].map(([, name]) => name!);
    return [Number(number), names.map((name) => normalize(join('docs', links.get(name) ?? `nothing for ${name}`)))];
  });
}

test('docs/faults.md has each failure once', () => {
  assert.deepEqual(
    rows().map(([number]) => number),
    Array.from({ length: COUNT }, (_, index) => index + 1),
  );
});

test('each row names the files that have a test of its name, and no other; one of them has the whole router', () => {
  const tests = named();
  for (const [number, files] of rows()) {
    assert.deepEqual([...files].sort(), [...(tests.get(number) ?? [])].sort(), `fault ${number}`);
    assert.ok(
      files.some((file) => WHOLE.test(file)),
      `fault ${number}: no test of the whole router`,
    );
  }
});

test('no test is named for a failure that has no row', () => {
  const known = new Set(rows().map(([number]) => number));
  for (const [number, files] of named()) assert.ok(known.has(number), `fault ${number} in ${[...files]}`);
});
