import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Puts the status page together: src/admin/page/ → src/admin/status-page.ts, one document with its style and script in it. The
 * script's modules become one scope, in the order of their imports; types go. `--check` fails where the file is not up to date.
 */
const SOURCE = fileURLToPath(new URL('../src/admin/page/', import.meta.url));
const TARGET = fileURLToPath(new URL('../src/admin/status-page.ts', import.meta.url));

const IMPORT = /^import (?!type )[^;]*? from '([^']+)';$/gm;

function modules(file: string, found = new Map<string, string>()): Map<string, string> {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  for (const [, path] of text.matchAll(IMPORT)) {
    const next = normalize(join(dirname(file), path!));
    if (!found.has(next)) modules(next, found);
  }
  found.set(file, text);
  return found;
}

function script(): string {
  const owners = new Map<string, string>();
  const parts = [...modules('main.ts')].map(([file, text]) => {
    for (const [, name] of text.matchAll(/^(?:export )?(?:async )?(?:function|const|let|class) (\w+)/gm)) {
      const other = owners.get(name!);
      if (other !== undefined) throw new Error(`${name} stands in ${other} and in ${file}: they share one scope`);
      owners.set(name!, file);
    }
    return stripTypeScriptTypes(text)
      .replace(IMPORT, '')
      .replace(/^export /gm, '');
  });
  return `'use strict';\n${compact(parts.join('\n'))}`;
}

/** Without comments of whole lines and what types leave behind: what is sent, not what is read. */
function compact(code: string): string {
  return code
    .replace(/^\s*\/\*\*[\s\S]*?\*\/$/gm, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{2,}/g, '\n')
    .trim();
}

/** Several lines each: some hundred lines of a generated file are enough. */
function pieces(page: string): string[] {
  const found = [''];
  for (const [at, line] of page.split('\n').entries()) {
    if (at > 0 && found.at(-1)!.length > 300) found.push(line);
    else found[found.length - 1] += at === 0 ? line : `\n${line}`;
  }
  return found;
}

function hash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function build(): string {
  const code = `\n${script()}\n`;
  const style = `\n${readFileSync(join(SOURCE, 'style.css'), 'utf8')}`;
  const page = readFileSync(join(SOURCE, 'index.html'), 'utf8')
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${code}</script>`);
  if (/<\/?script/i.test(code) || /<\/style/i.test(style))
    throw new Error('the page would end its own script or style');
  return [
    '// Made by scripts/build-page.ts from src/admin/page/: change it there, then `npm run build:page`.',
    `export const SCRIPT_HASH = ${JSON.stringify(hash(code))};`,
    `export const STYLE_HASH = ${JSON.stringify(hash(style))};`,
    'export const PAGE = [',
    ...pieces(page).map((piece) => `  ${JSON.stringify(piece)},`),
    "].join('\\n');",
    '',
  ].join('\n');
}

const text = build();
if (!process.argv.includes('--check')) writeFileSync(TARGET, text);
else if (readFileSync(TARGET, 'utf8') !== text) {
  console.error('src/admin/status-page.ts is not what src/admin/page/ says: run `npm run build:page`');
  process.exit(1);
}
