import { ERRORS } from '../../src/errors.ts';
import type { RawResponse } from '../fakes/raw-client.ts';
import type { ClientRequest } from './client-requests.ts';
import type { Received } from './hostile-engine.ts';
import type { Answer } from './upstream-answers.ts';

/** How a request ended for the client that made it. */
export type Ending =
  | { readonly type: 'answered'; readonly response: RawResponse; readonly stray: Buffer }
  /** The connection ended without a whole head. */
  | { readonly type: 'unanswered'; readonly why: string }
  /** Nothing more came in time. */
  | { readonly type: 'hung'; readonly after: number }
  /** The client left on purpose. */
  | { readonly type: 'left' };

const OWN_CODES = new Set(Object.keys(ERRORS));
const HOP_BY_HOP = ['keep-alive', 'upgrade', 'te', 'trailer', 'proxy-connection'];

/** Everything wrong with how a case went; empty when nothing was. */
export function judge(request: ClientRequest, received: readonly Received[], ending: Ending): string[] {
  const wrong = received.flatMap((attempt) => judgeRequest(request, attempt));
  if (received.length > 5) wrong.push(`${received.length} attempts`);
  if (ending.type === 'hung') wrong.push(`no end after ${ending.after} ms`);
  if (ending.type === 'unanswered') wrong.push(`no response: ${ending.why}`);
  if (ending.type === 'answered') {
    if (ending.stray.length > 0) wrong.push(`bytes behind the response: ${shown(ending.stray)}`);
    wrong.push(...judgeHead(ending.response), ...judgeAnswer(ending.response, received, request));
  }
  return wrong;
}

/** The engine must get what the client sent, byte by byte. */
function judgeRequest(request: ClientRequest, { line, headers, body, fault }: Received): string[] {
  const wrong: string[] = [];
  if (fault !== undefined) wrong.push(`the engine was sent: ${fault}`);
  if (!body.equals(request.body)) wrong.push(`the engine got another body: ${shown(body)}`);
  if (line !== `POST ${request.path}${request.query} HTTP/1.1`) wrong.push(`the engine got ${line}`);
  const expected = request.kept.map(([name, value]) => `${name}: ${value.trim()}`);
  const names = new Set(request.kept.map(([name]) => name));
  const got = headers.filter(([name]) => names.has(name)).map(([name, value]) => `${name}: ${value}`);
  if (got.join('\n') !== expected.join('\n')) wrong.push(`headers ${shown(got)} instead of ${shown(expected)}`);
  if (headers.some(([name]) => name === 'x-hop')) wrong.push('a header that Connection names went on');
  return wrong;
}

function judgeHead({ headers, rawHeaders, framing, status }: RawResponse): string[] {
  const wrong: string[] = [];
  const count = (name: string) =>
    rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
  for (const name of ['content-length', 'transfer-encoding', 'date', 'content-type']) {
    if (count(name) > 1) wrong.push(`${count(name)} times ${name}`);
  }
  if (count('content-length') + count('transfer-encoding') > 1) wrong.push('two framings');
  for (const name of ['x-request-id', 'request-id']) if (count(name) !== 1) wrong.push(`${count(name)} times ${name}`);
  if (headers['x-request-id'] !== headers['request-id']) wrong.push('two request ids');
  for (const name of HOP_BY_HOP) if (count(name) > 0 && name !== 'keep-alive') wrong.push(`hop-by-hop ${name}`);
  if (framing === 'eof' && headers['connection'] !== 'close') wrong.push('a body without framing or end');
  if (status < 200 || status === 499) wrong.push(`status ${status}`);
  return wrong;
}

function judgeAnswer(response: RawResponse, received: readonly Received[], request: ClientRequest): string[] {
  const last = received.at(-1)?.answer;
  const own = ownCode(response);
  if (own !== undefined) {
    // Nobody may be refused whose only backend served the request well. (With several, the first was believed to be dead.)
    const good = received.length === 1 && isGood(last!, request);
    return good ? [`${response.status} ${own} in spite of a good answer`] : [];
  }
  if (last === undefined) return [`an answer from nowhere: ${response.status}`];
  if (last.mangled) return [];
  if (!response.clean || cutShort(response)) return judgeBroken(response, last);
  if (response.status >= 400) return judgeError(response, last);
  const wrong: string[] = [];
  if (!last.complete) wrong.push('the clean end of an answer that has none');
  if (!response.body.equals(last.payload)) wrong.push(`other bytes: ${difference(response.body, last.payload)}`);
  if (last.events && watched(request) && !last.finished) wrong.push('the clean end of an unfinished stream');
  return wrong;
}

/** Part of an answer: what came of it is exact, and an error event may stand behind it. */
function judgeBroken(response: RawResponse, last: Answer): string[] {
  const wrong: string[] = [];
  const body = withoutErrorEvent(response.body);
  if (!last.payload.subarray(0, body.length).equals(body)) {
    wrong.push(`other bytes before the break: ${difference(body, last.payload)}`);
  }
  if (last.complete && (!last.events || last.finished)) wrong.push('a whole answer that was broken off');
  if (last.events && body.length === response.body.length && !body.includes('"error": {')) {
    wrong.push('no error event in a broken stream');
  }
  return wrong;
}

function judgeError(response: RawResponse, last: Answer): string[] {
  if (last.status === 200) {
    return response.body.includes('engine died') && response.status === 500 ? [] : [`${response.status} from a 200`];
  }
  if (response.status !== last.status) return [`${response.status} instead of ${last.status}`];
  return response.body.equals(last.payload) ? [] : [`another error: ${shown(response.body)}`];
}

/** The router looks for the end of generation on these paths only. */
function watched({ path }: ClientRequest): boolean {
  return path === '/v1/chat/completions' || path === '/v1/completions';
}

function isGood(answer: Answer, request: ClientRequest): boolean {
  if (answer.mangled || !answer.complete || answer.status !== 200) return false;
  if (!answer.events) return true;
  return answer.finished && watched(request) && !answer.payload.includes('"error": {');
}

/** The code of an error of the router itself. */
function ownCode({ status, body }: RawResponse): string | undefined {
  if (status < 400) return undefined;
  try {
    const { code } = (JSON.parse(body.toString()) as { error: { code: unknown } }).error;
    return typeof code === 'string' && OWN_CODES.has(code) ? code : undefined;
  } catch {
    return undefined;
  }
}

const EVENT = Buffer.from('data: {"error":{');

/** Without what the router itself says at the end of a broken stream. */
function withoutErrorEvent(body: Buffer): Buffer {
  const at = body.lastIndexOf(EVENT);
  if (at < 0 || !body.subarray(-2).equals(Buffer.from('\n\n'))) return body;
  return body.subarray(0, at);
}

/** An HTTP/1.0 client knows no other signs than the event and a reset. */
function cutShort({ framing, body, end }: RawResponse): boolean {
  return framing === 'eof' && (end === 'rst' || withoutErrorEvent(body).length < body.length);
}

function shown(value: Buffer | readonly string[]): string {
  const text = Buffer.isBuffer(value) ? value.toString('latin1') : value.join(' | ');
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 200)} … ${text.slice(-100)}` : text);
}

function difference(got: Buffer, expected: Buffer): string {
  let at = 0;
  while (at < got.length && got[at] === expected[at]) at++;
  const around = (bytes: Buffer) => shown(bytes.subarray(Math.max(0, at - 30), at + 60));
  return `${got.length} of ${expected.length}, at ${at}: ${around(got)} instead of ${around(expected)}`;
}
