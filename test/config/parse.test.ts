// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the config are what is tested
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_FILE_SIZE, parseFile, parseValue } from '../../src/config/parse.ts';
import { nodeAt, toPlain } from '../../src/config/tree.ts';

const parse = (text: string) => parseFile({ name: 'a.yaml', text });
const codes = (text: string) => parse(text).diagnostics.map(({ code, line, col }) => [code, line, col]);

test('every node knows its place', () => {
  const { root } = parse('a:\r\n  b: [x,\r\n    "y"]\r\n');
  const origin = nodeAt(root!, ['a', 'b', 1])!.origin;
  assert.ok(origin.from === 'file');
  assert.deepEqual([origin.place.line, origin.place.col, origin.place.end - origin.place.start], [3, 5, 3]);
});

test('YAML 1.2: yes and no are text, 0777 is 777, a byte order mark is no key', () => {
  const { root } = parse('\uFEFFa: [yes, no, on, 0777, 0o17, ~, 1e3, .5]');
  assert.deepEqual(toPlain(root!), { a: ['yes', 'no', 'on', 777, 15, null, 1000, 0.5] });
});

test('keys that are numbers are names', () => {
  assert.deepEqual(toPlain(parse('{ 1: a, 1.50: b, true: c }').root!), { '1': 'a', '1.50': 'b', true: 'c' });
});

test('fault 55: a file above 1 MiB is not parsed', () => {
  assert.deepEqual(codes(`a: ${'x'.repeat(MAX_FILE_SIZE)}`), [['file-too-large', 1, 1]]);
});

test('fault 55: nesting and alias bombs end in a diagnostic', () => {
  for (const part of ['[', '{a: ', '- ', '*', '"', '&a ']) assert.ok(codes(part.repeat(50_000)).length > 0, part);
  assert.ok(codes('['.repeat(5000) + ']'.repeat(5000)).length > 0);
  assert.equal(codes('['.repeat(102) + ']'.repeat(102))[0]?.[0], 'too-complex');
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 30; i++)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(',')}]`,
    );
  assert.equal(codes(lines.join('\n'))[0]?.[0], 'too-complex');
});

test('fault 55: a megabyte of brackets is given up early (it took 950 MB)', () => {
  const before = process.memoryUsage.rss();
  assert.equal(codes('['.repeat(1_000_000))[0]?.[0], 'too-complex');
  const grown = process.memoryUsage.rss() - before;
  assert.ok(grown < 128 * 1024 * 1024, `${grown} bytes`);
});

test('one mistake is one finding: what the parser stumbles over afterwards is not told', () => {
  assert.deepEqual(codes('a: "x" y\nb: 1\nc: [1, 2\nd: 3\n').length <= 2, true);
  assert.deepEqual(codes('a: {b: ${C}}\nb: 1\n'), [['yaml-syntax', 1, 9]]);
});

test('warnings are errors: an unknown tag would be ignored', () => {
  assert.deepEqual(codes('a: !secret x'), [['yaml-syntax', 1, 4]]);
});

test('duplicates are found at the second place and cite the first', () => {
  const { diagnostics } = parse('a: 1\nb: { c: 1, d: 2, c: 3 }\na: 2\n');
  assert.deepEqual(
    diagnostics.map(({ line, col, path, related }) => [line, col, path, related?.[0]?.line, related?.[0]?.col]),
    [
      [2, 18, 'b', 2, 6],
      [3, 1, '', 1, 1],
    ],
  );
});

test('values of flags are YAML', () => {
  assert.deepEqual(parseValue('[a, 1]'), ['a', 1]);
  assert.deepEqual(parseValue('{ env: KEY }'), { env: 'KEY' });
  assert.equal(parseValue('0.0.0.0:8001'), '0.0.0.0:8001');
  assert.equal(parseValue(''), '');
  assert.equal(parseValue('[a'), undefined);
});
