// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the config are what is tested
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expand } from '../../src/config/expand.ts';
import { parseFile } from '../../src/config/parse.ts';
import { toPlain } from '../../src/config/tree.ts';

function expanded(text: string, env: Record<string, string>) {
  const { root } = parseFile({ name: 'a.yaml', text });
  const diagnostics = expand(root!, env);
  return { value: toPlain(root!), diagnostics };
}

test('variables and defaults are replaced, in values only', () => {
  const { value, diagnostics } = expanded(
    '{ "${A}": "x-${A}-${B:-b}", list: ["${A}${A}"], block: "${E:-}", dashes: "${B:-a:-b}" }',
    { A: '1a', E: '' },
  );
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(value, { '${A}': 'x-1a-b', list: ['1a1a'], block: '', dashes: 'a:-b' });
});

test('an empty variable counts as unset for a default, and as set without one', () => {
  assert.deepEqual(expanded('a: ${E:-x}${E}', { E: '' }).value, { a: 'x' });
});

test('a value that is only a reference gets the type of its text', () => {
  const { value } = expanded('[ "${N}", "${F}", "${T}", "${S}", "${Z}", "${D:-5}", "${N}s", "${NULL}" ]', {
    N: '8000',
    F: '-1.5',
    T: 'true',
    S: 'yes',
    Z: '007',
    NULL: 'null',
  });
  assert.deepEqual(value, [8000, -1.5, true, 'yes', '007', 5, '8000s', 'null']);
});

test('$${ stands for ${, and a lone $ for itself', () => {
  assert.deepEqual(expanded('{ a: "$${A}", b: $5, c: "$${A}-${A}" }', { A: 'x' }).value, {
    a: '${A}',
    b: '$5',
    c: '${A}-x',
  });
});

test('what the environment holds is text, never syntax', () => {
  const { value } = expanded('a: x${A}', { A: '${B} { "b": 1 }\n- c' });
  assert.deepEqual(value, { a: 'x${B} { "b": 1 }\n- c' });
});

test('unset and malformed references are found at their place, all of them', () => {
  const { diagnostics } = expanded('a: ${HOME_}\nb: "${}-${X"\nc: "\\n${Y}"', { HOME: '/' });
  assert.deepEqual(
    diagnostics.map(({ code, line, col, hint }) => [code, line, col, hint?.split(' ')[0]]),
    [
      ['unset-variable', 1, 4, 'did'],
      ['bad-expansion', 2, 5, 'write'],
      ['bad-expansion', 2, 9, 'write'],
      ['unset-variable', 3, 7, 'give'],
    ],
  );
});
