import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { editMembers, type MemberEdits } from '../../src/proxy/json-edit.ts';
import { JsonMembers, scanMembers } from '../../src/proxy/json-scan.ts';

function edit(text: string, edits: MemberEdits): string {
  const members = scanMembers(Buffer.from(text));
  assert.ok(members instanceof JsonMembers);
  return editMembers(members, edits).toString();
}

describe('editMembers', () => {
  it('replaces a value and leaves every other byte alone', () => {
    assert.equal(
      edit(' { "seed" : 18446744073709551615,\n "max_tokens":64 , "x":1e2}\n', { max_tokens: '1' }),
      ' { "seed" : 18446744073709551615,\n "max_tokens":1 , "x":1e2}\n',
    );
  });

  it('adds what is missing behind the last member', () => {
    assert.equal(edit('{"a":1}', { stream: 'false', b: '{"c":null}' }), '{"a":1,"stream":false,"b":{"c":null}}');
    assert.equal(edit('{ }', { a: '1', b: '2' }), '{"a":1,"b":2 }');
  });

  it('leaves members out with their comma, wherever they stand', () => {
    const text = '{"a":1, "b":[1,{"b":2}] ,"c":"x,y"}';
    assert.equal(edit(text, { a: undefined }), '{ "b":[1,{"b":2}] ,"c":"x,y"}');
    assert.equal(edit(text, { b: undefined }), '{"a":1 ,"c":"x,y"}');
    assert.equal(edit(text, { c: undefined }), '{"a":1, "b":[1,{"b":2}]}');
    assert.equal(edit(text, { a: undefined, b: undefined }), '{"c":"x,y"}');
    assert.equal(edit(text, { a: undefined, b: undefined, c: undefined }), '{}');
    assert.equal(edit(text, { a: undefined, b: undefined, c: undefined, d: '4' }), '{"d":4}');
  });

  it('knows a member whose name is written with escapes', () => {
    assert.equal(edit('{"str\\u0065am":true}', { stream: 'false' }), '{"str\\u0065am":false}');
  });

  it('does to any object what the same edits do to its value', () => {
    const keys = fc.constantFrom('a', 'b', 'c', 'stream', 'max_tokens', '__proto__', 'ü"');
    const body = fc.dictionary(keys, fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true });
    const edits = fc.dictionary(keys, fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined }));
    const indent = fc.constantFrom(undefined, 1, '\t', '\r\n ');
    fc.assert(
      fc.property(body, edits, indent, (before, changes, space) => {
        const texts = Object.fromEntries(
          Object.entries(changes).map(([key, value]) => [key, value === undefined ? undefined : JSON.stringify(value)]),
        );
        const expected = new Map(Object.entries(JSON.parse(JSON.stringify(before)) as object));
        for (const [key, text] of Object.entries(texts)) {
          if (text === undefined) expected.delete(key);
          else expected.set(key, JSON.parse(text));
        }
        const after = edit(JSON.stringify(before, null, space), texts);
        assert.deepEqual(new Map(Object.entries(JSON.parse(after) as object)), expected);
        assert.ok(scanMembers(Buffer.from(after)) instanceof JsonMembers);
      }),
    );
  });
});
