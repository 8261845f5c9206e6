import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { KeySet } from '../../src/runtime/key-set.ts';

const KEY = 'sk-0123456789abcdef';
const keys = new KeySet(`alice: ${KEY}\nbob: ${KEY}x\n`);

test('fault 45: nothing but the very key is its holder’s', () => {
  assert.equal(keys.find(KEY)?.name, 'alice');
  assert.equal(keys.find(`${KEY}x`)?.name, 'bob');
  const near = [KEY.slice(0, -1), KEY.slice(1), `${KEY} `, ` ${KEY}`, `${KEY}\0`, KEY.toUpperCase(), `${KEY}xx`, ''];
  for (const text of [...near, `${KEY}\n`, KEY.normalize('NFKD').replace('s', 'ſ')]) {
    assert.equal(keys.find(text), undefined, JSON.stringify(text));
  }
  fc.assert(
    fc.property(fc.string(), (text) => text === KEY || text === `${KEY}x` || keys.find(text) === undefined),
    { numRuns: 500 },
  );
});

test('a key set holds digests, which no two processes share, and no keys', () => {
  const shown = inspect(keys, { depth: 9, showHidden: true });
  assert.ok(!shown.includes(KEY) && !JSON.stringify(keys).includes(KEY));
  assert.throws(
    () => new KeySet(`alice: ${KEY} ${KEY}`),
    (error: Error) => !error.message.includes(KEY),
  );
  assert.throws(
    () => new KeySet(`alice: ${KEY}\nbob: ${KEY}`),
    (error: Error) => !error.message.includes(KEY),
  );
});
