import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { aliasLoops, resolveAliases } from '../../src/config/aliases.ts';
import { bindsConflict, splitBind } from '../../src/config/bind.ts';
import { formatPath, parsePath } from '../../src/config/path.ts';
import { coversPattern, matchesPattern } from '../../src/config/pattern.ts';
import { closest } from '../../src/config/suggest.ts';
import { normaliseUrl } from '../../src/config/url.ts';

test('paths are written and read the same', () => {
  assert.equal(formatPath(['routes', 0, 'match', 'models', 1]), 'routes[0].match.models[1]');
  assert.equal(formatPath(['models', 'aliases', 'gpt-4.1']), 'models.aliases["gpt-4.1"]');
  assert.deepEqual(parsePath('routes.chat.timeouts.total'), ['routes', 'chat', 'timeouts', 'total']);
  for (const bad of ['', '.a', 'a..b', 'a.', 'a[', 'a[x]', 'a["b]', 'a b', 'a]'])
    assert.equal(parsePath(bad), undefined, bad);
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string({ minLength: 1 }), fc.nat(99)), { minLength: 1 }), (path) => {
      assert.deepEqual(parsePath(formatPath(path)), path);
    }),
  );
});

test('the closest word is what was meant, or none', () => {
  const words = ['algorithm', 'timeouts', 'retry', 'health', 'limits', 'serve'];
  assert.equal(closest('algoritm', words), 'algorithm');
  assert.equal(closest('Timeout', words), 'timeouts');
  assert.equal(closest('sevre', words), 'serve');
  assert.equal(closest('colour', words), undefined);
  assert.equal(closest('x', words), undefined);
});

test('patterns match as they read', () => {
  const cases: [string, string, boolean][] = [
    ['*', '', true],
    ['*', 'a/b', true],
    ['meta-llama/*', 'meta-llama/Llama-3', true],
    ['meta-llama/*', 'meta-llamas', false],
    ['*-chat-*', 'a-chat-chat-b', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a*b*c', 'aXbYbZc', true],
    ['a*b*c', 'aXbYbZ', false],
    ['', 'a', false],
  ];
  for (const [pattern, text, expected] of cases) assert.equal(matchesPattern(pattern, text), expected, pattern);
});

test('a pattern that covers another matches all that the other does', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 6 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 6 });
  fc.assert(
    fc.property(letters, letters, text, (wide, narrow, word) => {
      if (coversPattern(wide, narrow) && matchesPattern(narrow, word)) assert.ok(matchesPattern(wide, word));
    }),
    { numRuns: 5000 },
  );
  assert.ok(coversPattern('llama*', 'llama-3*'));
  assert.ok(!coversPattern('llama-3*', 'llama*'));
});

test('matching takes time in the product of both, whatever the stars', () => {
  const pattern = 'a*'.repeat(500);
  assert.equal(matchesPattern(`${pattern}b`, 'a'.repeat(5000)), false);
});

test('binds', () => {
  assert.deepEqual(splitBind('[::1]:80'), { host: '::1', port: 80 });
  assert.deepEqual(splitBind('localhost:0'), { host: 'localhost', port: 0 });
  for (const bad of ['localhost', '::1:80', ':80', 'a:99999', 'a:b', '']) assert.equal(splitBind(bad), undefined, bad);
  const conflict = (a: string, b: string) => bindsConflict(splitBind(a)!, splitBind(b)!);
  assert.ok(conflict('0.0.0.0:1', '127.0.0.1:1'));
  assert.ok(conflict('[::]:1', '0.0.0.0:1'));
  assert.ok(!conflict('127.0.0.1:1', '127.0.0.2:1'));
  assert.ok(!conflict('0.0.0.0:0', '0.0.0.0:0'));
});

test('URLs are normalised, so that one backend has one name', () => {
  assert.equal(normaliseUrl('HTTP://GPU1:80/x/'), 'http://gpu1/x');
  assert.equal(normaliseUrl('http://[::1]:8000'), 'http://[::1]:8000');
  assert.equal(normaliseUrl('http://me:secret@gpu1'), 'http://gpu1');
  assert.equal(normaliseUrl('ftp://gpu1'), undefined);
});

test('alias chains end at a model, loops are found once', () => {
  assert.deepEqual({ ...resolveAliases({ a: 'b', b: 'c', x: 'y' }) }, { a: 'c', b: 'c', x: 'y' });
  assert.deepEqual(aliasLoops({ a: 'b', b: 'a', c: 'a', d: 'd', e: 'm' }), [['a', 'b'], ['d']]);
});
