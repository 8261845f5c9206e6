import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ListParser } from '../../../src/discovery/kubernetes/list-parser.ts';

function parse(text: string, sizes: readonly number[]): { items: unknown[]; envelope: unknown } {
  const items: unknown[] = [];
  const parser = new ListParser((item) => items.push(item));
  const bytes = Buffer.from(text);
  for (let from = 0, i = 0; from < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    parser.push(bytes.subarray(from, from + size));
    from += size;
  }
  return { items, envelope: parser.end() };
}

test('takes items out of any list, however it is cut into chunks', () => {
  const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
  const list = fc.record({
    before: fc.jsonValue(),
    items: fc.array(object),
    after: fc.jsonValue(),
    spaces: fc.boolean(),
  });
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });
  fc.assert(
    fc.property(list, sizes, ({ before, items, after, spaces }, cuts) => {
      const whole = { kind: 'PodList', before, metadata: { resourceVersion: '7' }, items, after };
      const found = parse(JSON.stringify(whole, null, spaces ? 2 : 0), cuts);
      const plain = JSON.parse(JSON.stringify(whole)) as typeof whole;
      assert.deepEqual(found, { items: plain.items, envelope: { ...plain, items: [] } });
    }),
  );
});

test('a list without items is empty', () => {
  assert.deepEqual(parse('{"metadata":{"resourceVersion":"1"},"items":null}', [5]).items, []);
  assert.deepEqual(parse('{"metadata":{"resourceVersion":"1"}}', [5]).items, []);
});

test('a list that is cut off is refused, wherever it is cut', () => {
  const text = '{"metadata":{"resourceVersion":"1"},"items":[{"a":"b}]"},{"c":[1,{}]}]}';
  for (let length = 1; length < text.length; length++)
    assert.throws(() => parse(text.slice(0, length), [100]), /cut off|JSON/);
});

test('what is no JSON is refused', () => {
  assert.throws(() => parse('{"items":[{"a":}]}', [100]), /not JSON/);
  assert.throws(() => parse('<html>', [100]), /not JSON/);
});
