import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseArgv } from '../../src/cli/argv.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** That the program takes these words. */
function understood(command: string): void {
  const [program, ...words] = command.trim().split(/\s+/);
  assert.equal(program, 'vllm-router');
  const parsed = parseArgv(words);
  assert.ok(!('message' in parsed), `${command}: ${JSON.stringify(parsed)}`);
}

test('the pre-commit hook, and the example that uses it', () => {
  const [hook] = parse(read('.pre-commit-hooks.yaml')) as [{ id: string; entry: string; files: string }];
  const { repos } = parse(read('examples/ci/.pre-commit-config.yaml'));
  const [used] = repos[0].hooks as [{ id: string; args: string[] }];
  assert.equal(used.id, hook.id);
  understood(['vllm-router check', ...used.args, 'router.yaml', 'sub/router.yaml'].join(' '));
  const files = new RegExp(hook.files);
  assert.ok(files.test('router.yaml') && files.test('config/router.yml') && !files.test('my-router.yaml'));
});

test('every command of the workflows', () => {
  let count = 0;
  for (const file of ['examples/ci/github-actions.yaml', 'examples/gitops/check-router-config.yaml']) {
    for (const [command] of read(file).matchAll(/vllm-router (?:check|diff)[^>|;\n]*/g)) {
      understood(command);
      count++;
    }
    assert.ok(parse(read(file)).jobs);
  }
  assert.ok(count >= 4, String(count));
});

test('the catalog entry is JSON and claims the names that it says', () => {
  const [, entry] = /```json\n(.*?)```/s.exec(read('docs/schemastore.md'))!;
  const { fileMatch, url } = JSON.parse(entry!);
  assert.ok(fileMatch.includes('vllm-router.yaml') && url.endsWith('/schemas/router.schema.json'));
});
