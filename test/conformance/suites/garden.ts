import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseResponse } from '../../fakes/framing.ts';
import { RawClient } from '../../fakes/raw-client.ts';
import { setUp } from '../setup.ts';
import type { Check, Setup, Suite } from '../suite.ts';
import { checkout } from '../tools.ts';

/** ms after which nothing more is expected. */
const QUIET = 400;

/** A payload as the list writes it: a Python byte string. */
function bytesOf(text: string): Buffer {
  const plain = text.replace(/\\(x[0-9a-f]{2}|[rnt0\\"'])/gi, (_, code: string) => {
    if (code[0] === 'x' || code[0] === 'X') return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return { r: '\r', n: '\n', t: '\t', 0: '\0' }[code] ?? code;
  });
  return Buffer.from(plain, 'latin1');
}

function payloadsOf(text: string): { name: string; bytes: Buffer }[] {
  const found: { name: string; bytes: Buffer }[] = [];
  let title = '';
  let section = '';
  for (const line of text.split('\n')) {
    section = /^##+ (.*)/.exec(line)?.[1] ?? section;
    title = /^\d+\. .*/.exec(line)?.[0] ?? title;
    const payload = /^\s*- Payload:.*?`(.+)`/.exec(line)?.[1];
    if (payload !== undefined) found.push({ name: `${section} ${title.split('.')[0]}`, bytes: bytesOf(payload) });
  }
  return found;
}

/**
 * Safe is: refused, or taken for exactly one request with nothing behind it that is answered, or every answer before the end of the
 * connection an error. What a payload hides in a body must never be answered as a request of its own.
 */
async function check(setup: Setup, name: string, bytes: Buffer): Promise<Check> {
  const client = await RawClient.open(setup.router.url);
  const posts = () => setup.engines[0]!.requests.filter(({ method }) => method === 'POST').length;
  const before = posts();
  client.send(bytes);
  await new Promise((resolve) => setTimeout(resolve, QUIET));
  client.destroy();
  const statuses: number[] = [];
  let rest = client.received;
  while (rest.length > 0) {
    const response = parseResponse(rest, 'GET', true);
    if (response === undefined) break;
    statuses.push(response.status);
    rest = rest.subarray(response.size);
  }
  const reached = posts() - before;
  const refused = statuses.length === 1 && statuses[0]! >= 400;
  const waits = statuses.length === 0;
  const ok = reached === 0 && (refused || waits || !statuses.some((status, index) => index > 0 && status < 400));
  return {
    name,
    ok,
    note: `${statuses.join(', ') || 'waits for more'}${reached > 0 ? `, ${reached} reached the engine` : ''}`,
  };
}

export const garden: Suite = {
  name: 'garden',
  what: "the payloads among the HTTP Garden's trophies: what has split requests in other servers",
  run: async ({ checkouts }) => {
    const repository = 'https://github.com/narfindustries/http-garden';
    const { folder, commit } = await checkout('garden', repository, checkouts['garden']);
    const payloads = payloadsOf(readFileSync(join(folder, 'TROPHIES.md'), 'utf8'));
    const setup = await setUp([{}]);
    try {
      const checks: Check[] = [];
      for (const { name, bytes } of payloads) checks.push(await check(setup, name, bytes));
      const count = (test: (note: string) => boolean) => checks.filter(({ note = '' }) => test(note)).length;
      const tally = `${count((note) => /^(?:4|5)\d\d$/.test(note))} of ${checks.length} payloads are refused, none reached an engine`;
      return { about: `${repository} at ${commit}; ${tally}.`, checks };
    } finally {
      await setup.stop();
    }
  },
};
