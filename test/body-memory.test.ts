import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generate } from '../scripts/build-wasm.ts';
import { BODY_MEMORY, HASH_STATE, HASH_WINDOW, SCAN_WINDOW, SLABS } from '../src/body-memory.ts';

test('the committed modules are what their sources assemble to', async () => {
  const texts = await generate();
  assert.equal(texts.size, 2);
  for (const [file, text] of texts) assert.equal(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'), text);
});

test('the parts of the memory do not touch: a load may read 16 bytes beyond each', () => {
  const parts = [SCAN_WINDOW, SLABS, HASH_WINDOW, { start: HASH_STATE, length: 8 }];
  for (const [at, { start, length }] of parts.entries()) {
    assert.ok(start + length + 16 <= (parts[at + 1]?.start ?? BODY_MEMORY.byteLength));
  }
});
