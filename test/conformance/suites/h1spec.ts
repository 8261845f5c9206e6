import { RawClient } from '../../fakes/raw-client.ts';
import { setUp } from '../setup.ts';
import type { Check, Suite } from '../suite.ts';

/** `wait`: the server waits for more; otherwise the statuses that are right. */
type Expected = 'wait' | readonly (readonly [from: number, to: number])[];

const BODY = '{"model":"tiny-chat","prompt":"hello"}';
const PATH = '/tokenize';
const JSON_TYPE = 'Content-Type: application/json\r\n';
const OK = [[200, 299]] as const;
const REFUSED = [[400, 499]] as const;
const REFUSED_OR_5XX = [[400, 599]] as const;
const get = (rest: string) => `GET /health HTTP/1.1\r\n${rest}\r\n`;
const PARTS = [
  'G',
  'GET ',
  'GET /hello',
  'GET /hello ',
  'GET /hello HTTP',
  'GET /hello HTTP/1.1',
  'GET /hello HTTP/1.1\r',
  'GET /hello HTTP/1.1\r\n',
  'GET /hello HTTP/1.1\r\nHos',
  'GET /hello HTTP/1.1\r\nHost:',
  'GET /hello HTTP/1.1\r\nHost: ',
  'GET /hello HTTP/1.1\r\nHost: localhost',
  'GET /hello HTTP/1.1\r\nHost: localhost\r',
  'GET /hello HTTP/1.1\r\nHost: localhost\r\n',
  'GET /hello HTTP/1.1\r\nHost: localhost\r\n\r',
];
const chunk = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;

const CASES: readonly (readonly [name: string, request: string, expected: Expected])[] = [
  ...PARTS.map((part) => [`waits behind ${JSON.stringify(part)}`, part, 'wait'] as const),
  ['no HTTP version', 'GET /health \r\n\r\n', REFUSED_OR_5XX],
  [
    'Expect: 100-continue',
    get('Host: example.com\r\nExpect: 100-continue\r\n'),
    [
      [100, 100],
      [200, 299],
    ],
  ],
  ['a valid GET', get('Host: example.com\r\n'), OK],
  ['a tab before a value, an empty value', get('hoSt:\texample.com\r\nempty:\r\n'), OK],
  ['brackets in a header name', get('Host: example.com\r\nX-Invalid[]: test\r\n'), REFUSED],
  ['no Host', get('Content-Length: 5\r\n'), REFUSED],
  ['two Hosts', get('Host: example.com\r\nHost: example.org\r\n'), REFUSED],
  [
    'an overlong negative Content-Length',
    get(`Host: example.com\r\nContent-Length: -${'123456789'.repeat(3)}\r\n`),
    REFUSED,
  ],
  ['a negative Content-Length', get('Host: example.com\r\nContent-Length: -1234\r\n'), REFUSED],
  ['a Content-Length of letters', get('Host: example.com\r\nContent-Length: abc\r\n'), REFUSED],
  ['an empty value with a space', get('Host: example.com\r\nX-Empty-Header: \r\n'), OK],
  ['a control character in a value', get('Host: example.com\r\nX-Bad-Control-Char: test\x07\r\n'), REFUSED],
  ['HTTP/9.9', 'GET /health HTTP/9.9\r\nHost: example.com\r\n\r\n', REFUSED_OR_5XX],
  ['text before the method', 'Extra lineGET /health HTTP/1.1\r\nHost: example.com\r\n\r\n', REFUSED_OR_5XX],
  ['a bare CR among the headers', get('Host: example.com\r\n\rSome-Header: Test\r\n'), REFUSED],
  [
    'a POST with a length',
    `POST ${PATH} HTTP/1.1\r\nHost: a\r\n${JSON_TYPE}Content-Length: ${BODY.length}\r\n\r\n${BODY}`,
    OK,
  ],
  [
    'a POST in chunks',
    `POST ${PATH} HTTP/1.1\r\nHost: a\r\n${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n${chunk}`,
    OK,
  ],
  [
    'both framings, in odd case',
    `POST ${PATH} HTTP/1.1\r\nHost: a\r\n${JSON_TYPE}content-LengtH: 5\r\nTransFer-Encoding: chunked\r\n\r\n${chunk}`,
    REFUSED,
  ],
];

/** ms that h1spec gives a server. */
const PATIENCE = 500;

async function check(url: string, [name, request, expected]: (typeof CASES)[number]): Promise<Check> {
  const client = await RawClient.open(url);
  client.send(Buffer.from(request, 'latin1'));
  const silent = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), PATIENCE));
  const line = await Promise.race([
    client.until((received) => received.includes('\r\n')).then(() => client.received.toString('latin1', 0, 40)),
    silent,
  ]).catch(() => 'closed');
  client.destroy();
  if (line === undefined) return { name, ok: expected === 'wait', note: 'waited' };
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1] ?? 0);
  const ok = expected !== 'wait' && expected.some(([from, to]) => status >= from && status <= to);
  return { name, ok, note: String(status || line) };
}

export const h1spec: Suite = {
  name: 'h1spec',
  what: "h1spec's 33 cases (https://github.com/uNetworking/h1spec)",
  run: async () => {
    const setup = await setUp([{}]);
    try {
      const checks = await Promise.all(CASES.map((entry) => check(setup.router.url, entry)));
      const about =
        'It is a Deno script that no registry has and that wants an echo at `/`, so its cases (as of f0a5650) are written out here, ' +
        'sent to `/health` and `/tokenize`, with a body that a model can be read from; where it takes both framings at once for right, ' +
        'we do not.';
      return { about, checks };
    } finally {
      await setup.stop();
    }
  },
};
