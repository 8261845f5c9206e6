import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Invocation, parseArgv } from '../../src/cli/argv.ts';
import { runCheck } from '../../src/cli/check.ts';
import { CODES, type DiagnosticCode } from '../../src/config/codes.ts';
import type { Diagnostic } from '../../src/config/diagnostic.ts';
import { captureIo } from './capture-io.ts';

/**
 * `CODE.yaml` or `CODE.variant.yaml` (or a directory) beside `….txt`, the exact text of `check` on a terminal without colour.
 * `….json` adds flags and variables. UPDATE_GOLDEN=1 writes the texts anew; read the diff.
 */
const FOLDER = fileURLToPath(new URL('../fixtures/config/bad/', import.meta.url));
process.chdir(FOLDER);

const names = [...new Set(readdirSync('.').map((name) => name.replace(/\.(yaml|txt|json)$/, '')))].sort();

for (const name of names) {
  test(`golden: ${name}`, async () => {
    const { text, diagnostics, exitCode } = await check(name);
    if (process.env['UPDATE_GOLDEN']) writeFileSync(`${name}.txt`, text);
    assert.equal(text, readFileSync(`${name}.txt`, 'utf8'));
    const code = name.split('.')[0] as DiagnosticCode;
    assert.ok(
      diagnostics.some((diagnostic) => diagnostic.code === code),
      `nothing has the code ${code}`,
    );
    const errors = diagnostics.some(({ severity }) => severity === 'error');
    assert.equal(exitCode, errors ? 1 : 0);
    assert.ok(!text.split('\n').some((line) => /^\S.*never-shown/.test(line)), 'a message shows a secret');
  });
}

test('every code has a golden file', () => {
  // Its file would be larger than everything else here; test/config/parse.test.ts makes one.
  const elsewhere = ['file-too-large'];
  const missing = Object.keys(CODES).filter(
    (code) => !elsewhere.includes(code) && !names.some((name) => name.split('.')[0] === code),
  );
  assert.deepEqual(missing, []);
});

async function check(name: string): Promise<{ text: string; diagnostics: Diagnostic[]; exitCode: number }> {
  const extra = existsSync(`${name}.json`) ? JSON.parse(readFileSync(`${name}.json`, 'utf8')) : {};
  const target = [`${name}.yaml`, name].filter((path) => existsSync(path)).slice(0, 1);
  const env = { ...extra.env, NO_COLOR: '1' };
  const run = async (format: string[]) => {
    const io = captureIo({ env, terminal: true });
    const invocation = parseArgv(['check', ...(extra.args ?? []), ...target, ...format]);
    assert.ok('command' in invocation, JSON.stringify(invocation));
    const exitCode = await runCheck(invocation as Invocation, io);
    return { text: io.stdout(), exitCode };
  };
  const { text, exitCode } = await run([]);
  return { text, exitCode, diagnostics: JSON.parse((await run(['--format', 'json'])).text) };
}
