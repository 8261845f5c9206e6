import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CODES } from '../../src/config/codes.ts';

const DOC = readFileSync(new URL('../../docs/diagnostics.md', import.meta.url), 'utf8');

test('docs/diagnostics.md explains every code, and nothing that is none', () => {
  const documented = [...DOC.matchAll(/^### (\S+)$/gm)].map((match) => match[1]!);
  assert.deepEqual([...documented].sort(), Object.keys(CODES).sort());
  for (const code of documented) {
    const text = DOC.split(`### ${code}\n`)[1]!.split('\n#')[0]!.trim();
    assert.ok(text.length > 20, `${code} is not explained`);
  }
});

test('docs/diagnostics.md keeps warnings apart from errors', () => {
  const warnings = DOC.split('## Warnings')[1]!;
  for (const [code, severity] of Object.entries(CODES)) {
    assert.equal(warnings.includes(`### ${code}\n`), severity === 'warning', code);
  }
});

test('the examples in docs/diagnostics.md are what check prints', () => {
  const folder = new URL('../fixtures/config/bad/', import.meta.url);
  const golden = readdirSync(folder).filter((name) => name.endsWith('.txt'));
  const printed = new Set(
    golden.flatMap((name) => readFileSync(new URL(name, folder), 'utf8').split('\n').map(withoutFile)),
  );
  const examples = [...DOC.split('## Reading the file')[1]!.matchAll(/^```\n(.*?)\n```$/gms)].map(([, text]) => text!);
  assert.ok(examples.length >= Object.keys(CODES).length - 1, 'all but file-too-large have one');
  for (const text of examples) assert.ok(printed.has(withoutFile(text.replace(/\n\s+/g, ' '))), text);
});

function withoutFile(line: string): string {
  return line.replace(/^[\w.-]+\.yaml(?=[: ])/, 'router.yaml');
}
