import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { requestHeaderLines, withBackendKey } from '../../src/proxy/request-headers.ts';
import { headerValue, relayedHeaders } from '../../src/proxy/response-headers.ts';

function lines(rawHeaders: string[], dropCredentials = false): string[] {
  const connection = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && name.toLowerCase() === 'connection' ? [rawHeaders[index + 1]!] : [],
  );
  const headers = connection.length > 0 ? { connection: connection.join(', ') } : {};
  const request = { rawHeaders, headers } as unknown as IncomingMessage;
  const text = requestHeaderLines(request, {
    requestId: 'id-1',
    clientAddress: '10.0.0.9',
    clientProtocol: 'https',
    dropCredentials,
  });
  assert.ok(text.endsWith('\r\n'));
  return text.slice(0, -2).split('\r\n');
}

const OURS = [
  'accept-encoding: identity',
  'x-request-id: id-1',
  'x-forwarded-for: 10.0.0.9',
  'x-forwarded-proto: https',
];

test('end-to-end headers go on as they came, repeated ones repeated', () => {
  const raw = [
    'Content-Type',
    'application/json',
    'X-Session-ID',
    's',
    'Cookie',
    'a=1',
    'cookie',
    'b=2',
    'X-A',
    '\xe4',
  ];
  assert.deepEqual(lines(raw), [
    'Content-Type: application/json',
    'X-Session-ID: s',
    'Cookie: a=1',
    'cookie: b=2',
    'X-A: \xe4',
    ...OURS,
  ]);
});

test('fault 40: hop-by-hop headers and what Connection nominates stay here, and cannot remove what we add', () => {
  const raw = [
    ...['Host', 'evil', 'Connection', 'keep-alive, X-Secret, x-request-id, X-Forwarded-For'],
    ...[
      'X-Secret',
      '1',
      'TE',
      'trailers',
      'Trailer',
      'x',
      'Upgrade',
      'h2c',
      'Keep-Alive',
      '5',
      'Expect',
      '100-continue',
    ],
    ...['Proxy-Connection', 'x', 'Proxy-Authorization', 'x', 'Transfer-Encoding', 'chunked', 'Content-Length', '5'],
  ];
  assert.deepEqual(lines(raw), OURS);
});

test('fault 42: X-Forwarded-*, Forwarded and the request id are replaced, never passed on', () => {
  const raw = [
    ...['X-Forwarded-For', '1.2.3.4', 'X-Forwarded-Host', 'h', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Port', '1'],
    ...['Forwarded', 'for=1.2.3.4', 'X-Real-IP', '1.2.3.4', 'X-Request-Id', 'theirs', 'Accept-Encoding', 'gzip'],
    ...['X-Router-Explain', '1'],
  ];
  assert.deepEqual(lines(raw), OURS);
});

test("fault 45: the client's key stays here where it was for the router, goes on where it was not", () => {
  const raw = ['Authorization', 'Bearer k', 'X-Api-Key', 'k', 'anthropic-version', '1'];
  assert.deepEqual(lines(raw, true), ['anthropic-version: 1', ...OURS]);
  assert.deepEqual(lines(raw, false).slice(0, 3), ['Authorization: Bearer k', 'X-Api-Key: k', 'anthropic-version: 1']);
});

test("the backend's key takes the place of every credential", () => {
  const text = 'Authorization: Bearer theirs\r\nX-API-Key: theirs\r\nx-a: authorization: no\r\n';
  assert.equal(withBackendKey(text, 'ours'), 'authorization: Bearer ours\r\nx-a: authorization: no\r\n');
});

test('response headers keep their order and repetition; framing, hop-by-hop and a second date go', () => {
  const raw = [
    ...[
      'date',
      'monday',
      'Server',
      'uvicorn',
      'Date',
      'tuesday',
      'content-length',
      '5',
      'Transfer-Encoding',
      'chunked',
    ],
    ...['Connection', 'close', 'keep-alive', 'x', 'Set-Cookie', 'a', 'set-cookie', 'b', 'X-Request-Id', 'theirs'],
    ...['Content-Type', 'text/event-stream; charset=utf-8', 'vary', 'Origin'],
  ];
  const { list, contentType, hasDate } = relayedHeaders(raw, 'id-1');
  assert.deepEqual(list, [
    ...['date', 'monday', 'Server', 'uvicorn', 'Set-Cookie', 'a', 'set-cookie', 'b'],
    ...['Content-Type', 'text/event-stream; charset=utf-8', 'vary', 'Origin'],
    ...['x-request-id', 'id-1', 'request-id', 'id-1'],
  ]);
  assert.equal(contentType, 'text/event-stream; charset=utf-8');
  assert.ok(hasDate);
  assert.equal(headerValue(raw, 'server'), 'uvicorn');
  assert.equal(headerValue(raw, 'absent'), undefined);
});
