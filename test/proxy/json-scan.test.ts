import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonMembers, MAX_DEPTH, scanMembers } from '../../src/proxy/json-scan.ts';

const scan = (text: string) => scanMembers(Buffer.from(text));

test('finds every top-level member where JSON.parse finds it', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const members = scan(text);
      assert.ok(members instanceof JsonMembers);
      const parsed = JSON.parse(text) as Record<string, unknown>;
      assert.deepEqual([...members.keys].sort(), Object.keys(parsed).sort());
      for (const key of members.keys) {
        const [start, end]: readonly [number, number] = members.range(key)!;
        assert.deepEqual(JSON.parse(members.body.toString('utf8', start, end)), parsed[key]);
        assert.doesNotMatch(members.body.toString('utf8', start, end), /^\s|\s$/);
      }
    }),
  );
});

test('what is cut short is invalid, at every byte', () => {
  const text = '{"model": "m\\"\\\\", "n": -1.5e+3, "a": [1, {"b": [true, null]}], "s": ""}';
  assert.ok(scan(text) instanceof JsonMembers);
  for (let length = 0; length < text.length; length++) {
    const result = scan(text.slice(0, length));
    assert.ok('fault' in result && result.fault === 'invalid_json', text.slice(0, length));
  }
});

test('agrees with JSON.parse on whether small mutated texts are JSON', () => {
  const seed = '{"model":"m","n":1,"a":[1,{"b":[true,null,0.5]}],"s":"x y"}';
  fc.assert(
    fc.property(fc.nat(seed.length - 1), fc.constantFrom(...'{}[],:"x10-.e '), fc.boolean(), (at, char, insert) => {
      const text = seed.slice(0, at) + char + seed.slice(at + (insert ? 0 : 1));
      let valid = true;
      try {
        JSON.parse(text);
      } catch {
        valid = false;
      }
      const result = scan(text);
      if (result instanceof JsonMembers) assert.ok(valid, text);
      else if (result.fault !== 'duplicate_key') assert.ok(!valid || result.fault === 'not_an_object', text);
    }),
    { numRuns: 2000 },
  );
});

test('duplicate keys are refused, also when one is escaped', () => {
  assert.deepEqual(scan('{"model":"a","model":"b"}'), { fault: 'duplicate_key', key: 'model' });
  assert.deepEqual(scan('{"model":"a","m\\u006fdel":"b"}'), { fault: 'duplicate_key', key: 'model' });
  assert.ok(scan('{"a":{"model":1},"model":"b"}') instanceof JsonMembers);
});

test('nesting is bounded', () => {
  const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
  assert.ok(scan(nested(MAX_DEPTH)) instanceof JsonMembers);
  assert.deepEqual(scan(nested(MAX_DEPTH + 1)), { fault: 'too_deep' });
  assert.deepEqual(scan(`{"a":${'['.repeat(1_000_000)}`), { fault: 'too_deep' });
});

test('other JSON values are not objects, and other texts are not JSON', () => {
  for (const text of ['[]', '"x"', '1', 'null', '  [1]']) assert.deepEqual(scan(text), { fault: 'not_an_object' });
  for (const text of ['', ' ', 'x', '{', '{"a"}', '{a:1}', "{'a':1}", '{"a":01}', '{"a":1,}', '{"a":1}x', '\ufeff{}']) {
    const result = scan(text);
    assert.ok('fault' in result && result.fault === 'invalid_json', text);
  }
});

test('long strings with quotes and back-slashes end where they end', () => {
  for (let slashes = 0; slashes < 6; slashes++) {
    const value = { model: 'm', s: `${'x'.repeat(100)}${'\\'.repeat(slashes)}"${'y'.repeat(slashes * 20)}` };
    const members = scan(JSON.stringify(value));
    assert.ok(members instanceof JsonMembers);
    assert.equal(members.value('s'), value.s);
  }
});
