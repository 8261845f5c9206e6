import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { flagsMarkdown } from '../../src/cli/flags-reference.ts';

test('docs/flags.md is what the table of flags says: vllm-router help --markdown > docs/flags.md', () => {
  assert.equal(readFileSync(new URL('../../docs/flags.md', import.meta.url), 'utf8'), flagsMarkdown());
});
