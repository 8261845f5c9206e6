import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonFields, jsonLine, quote, redact, textLine } from '../src/log-line.ts';

const TIME = '2026-01-31T12:00:00.000Z';
const HOSTILE = 'a"b\\c\nd\r\u001b[2J\u0000\u007f\u0085\u2028\u2029\u202e\ud800\ufeffü';
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come through
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\ufeff]/;

test('one line, whatever the names hold', () => {
  const any = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(any, any, any, (message, name, value) => {
      fc.pre(name !== '__proto__');
      for (const line of [
        jsonLine(TIME, 'info', message, jsonFields({ [name]: value })),
        textLine(TIME, 'info', message, { [name]: value }),
      ]) {
        assert.ok(line.endsWith('\n'));
        assert.doesNotMatch(line.slice(0, -1), UNSAFE);
        assert.ok(line.isWellFormed());
      }
    }),
  );
});

test('a JSON line parses to what was said', () => {
  const fields = {
    text: HOSTILE,
    n: 1.5,
    yes: true,
    none: null,
    gone: undefined,
    nan: Number.NaN,
    list: ['\u2028', 2],
  };
  const line = jsonLine(TIME, 'info', HOSTILE, jsonFields(fields));
  assert.deepEqual(JSON.parse(line), {
    level: 'info',
    time: TIME,
    text: HOSTILE,
    n: 1.5,
    yes: true,
    none: null,
    nan: null,
    list: ['\u2028', 2],
    msg: HOSTILE,
  });
  assert.equal(quote('plain ~ text'), '"plain ~ text"');
});

test('a text line is readable', () => {
  assert.equal(
    textLine(TIME, 'warn', 'say "hi" \\ \u001b[0m', {
      status: 200,
      path: '/v1/x?y=z',
      name: 'a b',
      none: '',
      o: { a: 1 },
    }),
    `${TIME} WARN  say "hi" \\ \\u001b[0m status=200 path=/v1/x?y=z name="a b" none="" o={"a":1}\n`,
  );
});

test('secrets are redacted by the name of their member, at any depth', () => {
  const canary = 'canary';
  const secrets = {
    authorization: canary,
    'Proxy-Authorization': canary,
    headers: { 'x-api-key': canary, cookie: canary, 'Set-Cookie': [canary] },
    rawHeaders: ['Host', 'h', 'Authorization', canary],
    list: [{ apiKey: canary, api_key: canary, password: canary }],
    backend: 'kept',
  };
  for (const line of [
    jsonLine(TIME, 'info', '', jsonFields(secrets)),
    textLine(TIME, 'info', '', secrets),
    JSON.stringify(redact(secrets)),
  ]) {
    assert.doesNotMatch(line, /canary/);
    assert.match(line, /kept/);
  }
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  assert.match(JSON.stringify(redact(circle)), /\[deep\]/);
});
