import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const DOCS = readdirSync(join(ROOT, 'docs'));
const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...DOCS.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
];

/** As GitHub makes it of a heading. */
function anchors(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) => title!.toLowerCase());
  return new Set(headings.map((title) => title.replace(/[^\p{L}\p{N}\- _]/gu, '').replaceAll(' ', '-')));
}

test('every link within the project leads somewhere', () => {
  for (const page of PAGES) {
    for (const [, link] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link!)) continue;
      const [path, anchor] = link!.split('#');
      const target = path === '' ? page : join(dirname(page), path!);
      assert.ok(existsSync(join(ROOT, target)), `${page}: ${link}`);
      if (anchor !== undefined) assert.ok(anchors(read(target)).has(anchor), `${page}: ${link}`);
    }
  }
});

test('docs/README.md leads to every document', () => {
  const index = read('docs/README.md');
  const missing = DOCS.filter(
    (name) => /\.(md|json)$/.test(name) && name !== 'README.md' && !index.includes(`(${name})`),
  );
  assert.deepEqual(missing, []);
});
