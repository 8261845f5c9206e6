import type { Random } from './random.ts';
import { mangle } from './upstream-answers.ts';

const BODY = '{"model":"m","messages":[]}';
const ODD_LINES = [
  'GET /health HTTP/1.1',
  'GET / HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'PRI * HTTP/2.0',
  'POST http://evil.example/v1/chat/completions HTTP/1.1',
  'POST /v1/chat/completions?\0 HTTP/1.1',
  'POST /%2e%2e/v1/chat/completions HTTP/1.1',
  'GET /v1/models/%ff%00 HTTP/1.1',
  'DELETE /v1/chat/completions HTTP/1.1',
  'PUT /admin/reload HTTP/1.1',
  'GET /metrics HTTP/1.0',
  'POST /v1/chat/completions HTTP/1.0',
  'CONNECT evil.example:443 HTTP/1.1',
];
const ODD_HEADERS = [
  'host: second',
  'Content-Length: 5',
  'Content-Length: 0',
  'content-length: 27, 27',
  'Transfer-Encoding: chunked',
  'transfer-encoding: identity',
  'Transfer-Encoding : chunked',
  'expect: 100-continue',
  'Connection: upgrade',
  'Upgrade: websocket',
  'connection: close',
  'connection: content-length, host',
  ' folded',
  'no colon',
  ': no name',
  'x-nul: a\0b',
  'x-\xff: 1',
  'authorization: Bearer \r',
  'content-encoding: gzip',
  'content-type: multipart/form-data; boundary=',
];

/** What a connection may bring: requests that are odd, damaged, piled up or no requests at all. */
export function wildBytes(random: Random): Buffer {
  const kind = random.weighted({ mangled: 60, odd: 25, pile: 10, noise: 5 });
  if (kind === 'noise') return random.bytes(random.int(1, 3_000));
  if (kind === 'mangled') return mangle(random, sound(random));
  if (kind === 'odd') return odd(random);
  return Buffer.concat(
    Array.from({ length: random.int(2, 6) }, () =>
      random.chance(0.7) ? sound(random) : mangle(random, sound(random)),
    ),
  );
}

function sound(random: Random): Buffer {
  const framed = random.chance(0.5);
  const framing = framed ? `content-length: ${BODY.length}` : 'transfer-encoding: chunked';
  const body = framed ? BODY : `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
  const head = 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json';
  return Buffer.from(`${head}\r\n${framing}\r\n\r\n${body}`);
}

function odd(random: Random): Buffer {
  const line = random.chance(0.5) ? random.pick(ODD_LINES) : 'POST /v1/chat/completions HTTP/1.1';
  const headers = ['host: a', 'content-type: application/json', `content-length: ${BODY.length}`];
  for (let count = random.int(1, 3); count > 0; count--) {
    headers.splice(random.int(0, headers.length), random.chance(0.3) ? 1 : 0, random.pick(ODD_HEADERS));
  }
  return Buffer.from(`${line}\r\n${headers.join('\r\n')}\r\n\r\n${BODY}`, 'latin1');
}
