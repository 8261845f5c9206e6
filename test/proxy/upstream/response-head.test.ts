import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ParsedHead, parseHead } from '../../../src/proxy/upstream/response-head.ts';

const parse = (...lines: string[]) => parseHead(lines.join('\r\n'), 'POST');
const parsed = (...lines: string[]): ParsedHead => {
  const head = parse(...lines);
  if (typeof head === 'string') assert.fail(`${head}: ${JSON.stringify(lines)}`);
  return head;
};

const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'malformed status line': [
    '',
    'HTTP/1.1',
    'HTTP/1.1 ',
    'HTTP/1.1 20',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 x',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/2 200',
    'HTTP/2.0 200 OK',
    'HTTP/1.2 200 OK',
    'HTTP/0.9 200 OK',
    'http/1.1 200 OK',
    'ICY 200 OK',
    ' HTTP/1.1 200 OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1 200 a\nb',
    'HTTP/1.1 200 \x01',
    'HTTP/1.1 two-hundred OK',
    '<html>',
  ],
  'malformed header line': [
    'no colon',
    ': empty name',
    'space : 1',
    'tab\t: 1',
    ' folded: 1',
    '\tfolded: 1',
    'na me: 1',
    'name\n: 1',
    'a: b\nc: d',
    'a: b\rc',
    'a: \0',
    'a:\rb',
    'a: b\r',
    'a: \x0b',
    'a: \x7f',
    'a: \x1b[31m',
    '(a): 1',
    'ä: 1',
    '',
  ],
  'malformed content-length': [
    'content-length:',
    'content-length: -1',
    'content-length: +1',
    'content-length: 0x10',
    'content-length: 1,1',
    'content-length: 1 1',
    'content-length: 1.0',
    'content-length: 1e3',
    'content-length: 9999999999999999',
  ],
  'unsupported transfer-encoding': [
    'transfer-encoding: gzip',
    'transfer-encoding: gzip, chunked',
    'transfer-encoding: chunked, identity',
    'transfer-encoding: identity',
    'transfer-encoding: xchunked',
    'transfer-encoding: chunked;q=1',
    'transfer-encoding:',
    'Transfer-Encoding: "chunked"',
  ],
};

for (const [reason, lines] of Object.entries(REFUSED)) {
  test(`refused: ${reason}`, () => {
    for (const line of lines) {
      const head = reason === 'malformed status line' ? parse(line) : parse('HTTP/1.1 200 OK', line, 'x: y');
      assert.equal(head, reason, JSON.stringify(line));
    }
  });
}

test('refused: two framings', () => {
  const ok = 'HTTP/1.1 200 OK';
  assert.equal(parse(ok, 'content-length: 1', 'Content-Length: 1'), 'two content-lengths');
  assert.equal(parse(ok, 'content-length: 1', 'content-length: 2'), 'two content-lengths');
  assert.equal(parse(ok, 'transfer-encoding: chunked', 'transfer-encoding: chunked'), 'two transfer-encodings');
  const both = 'content-length beside transfer-encoding';
  assert.equal(parse(ok, 'content-length: 1', 'transfer-encoding: chunked'), both);
  assert.equal(parse(ok, 'transfer-encoding: chunked', 'content-length: 1'), both);
  assert.equal(parse('HTTP/1.0 200 OK', 'transfer-encoding: chunked'), 'transfer-encoding in HTTP/1.0');
});

test('headers keep their order, their case and their repetition', () => {
  const head = parsed('HTTP/1.1 200 OK', 'Set-Cookie: a=1', 'x-Y:\t z \t', 'set-cookie: b', 'empty:', 'latin: \xe4');
  assert.deepEqual(head.rawHeaders, ['Set-Cookie', 'a=1', 'x-Y', 'z', 'set-cookie', 'b', 'empty', '', 'latin', '\xe4']);
});

test('the framing of each kind of answer', () => {
  const framing = (method: string, ...lines: string[]) => {
    const head = parseHead(lines.join('\r\n'), method);
    return typeof head === 'string' ? head : `${head.framing} ${head.length} ${head.keepAlive}`;
  };
  assert.equal(framing('POST', 'HTTP/1.1 200 OK', 'content-length: 12'), 'length 12 true');
  assert.equal(framing('POST', 'HTTP/1.1 200', 'content-length: 0'), 'none 0 true');
  assert.equal(framing('POST', 'HTTP/1.1 200 ', 'Transfer-Encoding: Chunked'), 'chunked 0 true');
  assert.equal(framing('POST', 'HTTP/1.1 200 OK'), 'eof 0 false');
  assert.equal(framing('POST', 'HTTP/1.1 200 OK', 'content-length: 12', 'connection: Close'), 'length 12 false');
  assert.equal(framing('POST', 'HTTP/1.1 200 OK', 'content-length: 1', 'connection: x, close'), 'length 1 false');
  assert.equal(framing('POST', 'HTTP/1.0 200 OK', 'content-length: 12'), 'length 12 false');
  assert.equal(framing('POST', 'HTTP/1.0 200 OK', 'content-length: 12', 'connection: keep-alive'), 'length 12 true');
  assert.equal(framing('HEAD', 'HTTP/1.1 200 OK', 'content-length: 12'), 'none 0 true');
  assert.equal(framing('POST', 'HTTP/1.1 204 No Content'), 'none 0 true');
  assert.equal(framing('POST', 'HTTP/1.1 304 Not Modified', 'content-length: 5'), 'none 0 true');
  assert.equal(framing('POST', 'HTTP/1.1 103 Early Hints'), 'none 0 true');
});
