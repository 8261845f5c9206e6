import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuid5 } from '../../src/discovery/uuid5.ts';

test("equals Python's uuid.uuid5(NAMESPACE_DNS, name)", () => {
  assert.equal(uuid5('python.org'), '886313e1-3b8a-5372-9b90-0c9aee199e5d');
  assert.equal(uuid5('http://10.0.0.11:8000'), '7a61c2d1-8ed2-5bd4-be99-5a891b44bd40');
  assert.equal(uuid5('pöd-ü'), 'd88eb4f3-8eff-53ba-94cd-b3c1a288f19b');
});
