import { Random } from './random.ts';
import { text } from './upstream-answers.ts';

/** One client request, valid in all it says. */
export interface ClientRequest {
  readonly id: string;
  readonly path: string;
  readonly query: string;
  readonly body: Buffer;
  readonly stream: boolean;
  /** As it goes over the wire, in these writes. */
  readonly pieces: readonly Buffer[];
  readonly version: '1.0' | '1.1';
  /** Headers that must arrive as they are, in this order. */
  readonly kept: readonly (readonly [name: string, value: string])[];
  /** The client leaves after so many bytes of answer; undefined: it stays. */
  readonly leavesAfter: number | undefined;
  /** ms during which it does not read, once it has sent. */
  readonly deafFor: number;
}

const PATHS = ['/v1/chat/completions', '/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/score'];
const STREAMED = new Set(['/v1/chat/completions', '/v1/completions']);

/** The request of case `number`. */
export function clientRequest(seed: number, number: number): ClientRequest {
  const random = new Random(seed, number);
  const id = `${seed}-${number}`;
  const path = random.pick(PATHS);
  const stream = STREAMED.has(path) && random.chance(0.6);
  const body = Buffer.from(randomBody(random, stream));
  const query = random.chance(0.1) ? `?a=${random.int(0, 9)}&b=%20%2F..` : '';
  const version = random.chance(0.05) ? '1.0' : '1.1';
  const kept = random.chance(0.4) ? keptHeaders(random) : [];
  const lines = [`x-case: ${id}`, ...kept.map(([name, value]) => `${name}: ${value}`)];
  if (random.chance(0.9)) lines.push('Content-Type: application/json');
  if (random.chance(0.2)) lines.push('connection: x-hop, keep-alive', 'x-hop: gone', 'te: trailers');
  if (random.chance(0.1)) lines.push('x-forwarded-for: 6.6.6.6', 'forwarded: for=6.6.6.6', 'accept-encoding: gzip, br');
  if (random.chance(0.1)) lines.push(`x-request-id: ${random.pick(['own-id', '', 'two words', 'ü', 'x'.repeat(200)])}`);
  const chunk = version === '1.1' && random.chance(0.3);
  lines.push(chunk ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`);
  const head = Buffer.from(
    `POST ${path}${query} HTTP/${version}\r\nHost: router\r\n${lines.join('\r\n')}\r\n\r\n`,
    'latin1',
  );
  return {
    id,
    path,
    query,
    body,
    stream,
    version,
    kept,
    pieces: random.segments(Buffer.concat([head, chunk ? chunks(random, body) : body])),
    leavesAfter: random.chance(0.12) ? random.int(0, 2_000) : undefined,
    deafFor: random.chance(0.05) ? random.int(1, 100) : 0,
  };
}

/** JSON with what parsers stumble over: white space, escapes, numbers beyond a double, deep nesting, names twice below the top. */
function randomBody(random: Random, stream: boolean): string {
  const space = () => (random.chance(0.1) ? random.pick([' ', '\n', '\t', '\r\n ']) : '');
  const members = ['"model":"m"'];
  if (stream) members.push('"stream":true');
  const prompt = JSON.stringify(text(random, random.chance(0.05) ? random.int(10_000, 200_000) : random.int(0, 200)));
  members.push(`"messages":[{"role":"user","content":${prompt}}]`);
  if (random.chance(0.3)) members.push('"seed":9007199254740993');
  const depth = random.int(1, 120);
  if (random.chance(0.2)) members.push(`"nested":${'['.repeat(depth)}${']'.repeat(depth)}`);
  if (random.chance(0.2)) members.push('"x":{"model":"other","model":"third","error":{}}');
  if (random.chance(0.1)) members.push('"\\u006dodel2":-1.5e+10', '"":null');
  for (let at = members.length - 1; at > 0; at--) {
    const other = random.int(0, at);
    [members[at], members[other]] = [members[other]!, members[at]!];
  }
  return `${space()}{${space()}${members.join(`${space()},${space()}`)}${space()}}${space()}`;
}

function keptHeaders(random: Random): [string, string][] {
  const values = ['', 'a', 'a  b', 'tab\there', '"quoted, \\" text"', '\xe4\xf6', 'x'.repeat(random.int(1, 3_000))];
  return Array.from({ length: random.int(1, 5) }, (_, index) => [
    random.pick(["x-a!#$%&'*+-.^_`|~", 'X-Repeated', 'Authorization', 'traceparent', `x-${index}`]).toLowerCase(),
    random.pick(values),
  ]);
}

function chunks(random: Random, body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const end = Math.min(body.length, at + random.int(1, 1 + body.length));
    const size = (end - at).toString(16);
    const extension = random.chance(0.1) ? ';name="value"' : '';
    parts.push(Buffer.from(`${random.chance(0.1) ? size.toUpperCase() : size}${extension}\r\n`));
    parts.push(body.subarray(at, end), Buffer.from('\r\n'));
    at = end;
  }
  parts.push(Buffer.from('0\r\n\r\n'));
  return Buffer.concat(parts);
}
