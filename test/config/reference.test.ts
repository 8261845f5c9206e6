import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { referenceMarkdown } from '../../src/config/reference.ts';

test('docs/config-reference.md is what the schema says: vllm-router schema --markdown > docs/config-reference.md', () => {
  const text = readFileSync(new URL('../../docs/config-reference.md', import.meta.url), 'utf8');
  assert.equal(text, referenceMarkdown());
});
